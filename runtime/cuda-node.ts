/** `attnc/cuda`: what bindings for CUDA import, and what apps open devices with. For Node. */
export type { CudaBranchedModule } from "./cuda/branches/module.js";
export type { CudaBranchedAttention } from "./cuda/branches/operator.js";
export type { CudaDevice, CudaProperties, CudaStream, CudaTimer, DevicePointer } from "./cuda/device.js";
export type { CsrPointers, CudaInput, CudaInputs } from "./cuda/inputs.js";
export type { CudaDtype, CudaKernel, CudaModule, CudaStage } from "./cuda/module.js";
export type { CudaAttention, CudaTensors } from "./cuda/operator.js";
export type { DeviceRef } from "./cuda/pointers.js";
export type { CudaReuse, CudaSelectionTensors } from "./cuda/selection.js";
export { cudaBranchedRequirements, cudaRequirements, type CudaRequirements } from "./cuda/requirements.js";
export { createCudaAttention, createCudaBranchedAttention, type CudaOptions } from "./device/cubin.js";
export { openCudaDevice, type CudaDeviceOptions } from "./device/cuda.js";
export type { BranchedArrays, BranchedOutput } from "./launch/branches/run.js";
export type { AttentionCall, AttentionShape, ResolvedShape } from "./launch/call.js";
export { AttnError, type AttnErrorCode, type AttnErrorParts } from "./launch/errors.js";
export { LIST_PADDING, type CsrArrays, type InputArray, type NumberArray } from "./launch/input-arrays.js";
export { packBits } from "./launch/pack-bits.js";
export { selectedBits, selectedUnits, type SelectedBits } from "./launch/selection/lists.js";
export type { AttentionArrays, AttentionOutput } from "./launch/run.js";
