/** What generated code and apps import. No Node modules: devices of Node are opened by `runtime/device`. */
export type { BufferRef } from "./launch/buffers.js";
export type { AttentionCall, AttentionShape, ResolvedShape } from "./launch/call.js";
export { AttnError, type AttnErrorCode, type AttnErrorParts } from "./launch/errors.js";
export { LIST_PADDING, type CsrArrays, type InputArray, type NumberArray } from "./launch/input-arrays.js";
export * from "./launch/branches/module.js";
export {
  BranchedOperator,
  branchedRequirements,
  createBranchedAttention,
  type BranchedBuffers,
  type BranchedOptions,
} from "./launch/branches/operator.js";
export type { BranchedArrays, BranchedOutput } from "./launch/branches/run.js";
export { encodeMerge, type MergeSizes, type PartBuffers } from "./launch/merge/encode.js";
export { emptyPart, mergeAttention, type AttentionPart } from "./launch/merge/merge.js";
export * from "./launch/module.js";
export type { AttentionBuffers, CsrBuffers, InputBuffer } from "./launch/attention-buffers.js";
export { AttentionOperator, createAttention, type AttentionOptions } from "./launch/operator.js";
export { type PairOrder } from "./launch/key-order/plan.js";
export { packBits } from "./launch/pack-bits.js";
export { profileOf, type AdapterNames, type DeviceProfile } from "./launch/profile.js";
export type { AttentionArrays, AttentionOutput } from "./launch/run.js";
export { selectedBits, selectedUnits, type SelectedBits } from "./launch/selection/lists.js";
export type { ReuseBuffer, SelectionBuffers } from "./launch/selection/plan.js";
export {
  tuneAttention,
  type TuneArrays,
  type TuneOptions,
  type TuneProgress,
  type TuneResult,
  type VariantTiming,
} from "./launch/tune/tune.js";
export type { TunedStorage } from "./launch/tuned.js";
export { requirements, type Requirements } from "./launch/variant.js";
export { checkRank, toFloats } from "./tensor/convert.js";
export { readNpy, writeNpy, type WritableTensor } from "./tensor/npy.js";
export { listSafetensors, readSafetensors, type SafetensorsEntry } from "./tensor/safetensors.js";
export { readTensor, splitTensorPath, type TensorPath } from "./tensor/tensor-file.js";
export type { Tensor, TensorData, TensorDtype, TensorError, TensorErrorCode, TensorResult } from "./tensor/tensor.js";
