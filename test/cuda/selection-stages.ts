import { MEMORY } from "../../compiler/targets/cuda/memory.js";
import { printPrimitives } from "../../compiler/targets/cuda/primitives/index.js";
import type { CudaSelection } from "../../compiler/targets/cuda/select/source.js";
import type { Stage } from "../../compiler/select/ir.js";
import type { SelectionCall } from "../../compiler/select/memory.js";
import type { CudaDtype } from "../../runtime/cuda/module.js";
import { toDeviceElements } from "../../runtime/launch/host-tensors.js";
import type { Division } from "../../runtime/launch/selection/parts.js";
import { layoutStages } from "../select/layout.js";
import type { StagesResult } from "../select/layout.js";
import type { EmulatedDevice } from "./emulated-device.js";

/** A source with the stages of a selection alone. */
export const stagesSource = ({ source }: CudaSelection): string => `${printPrimitives(["common"])}${MEMORY}\n${source}`;

type Kernels = ReturnType<EmulatedDevice["compile"]>;

/** Launches the stages of a selection one after another. Throws with the message of the device where one fails. */
export function runStagesOnCuda(
  device: EmulatedDevice,
  kernels: Kernels,
  selection: CudaSelection,
  call: SelectionCall,
  dtype: CudaDtype,
  seed = 0,
  division?: Division,
): StagesResult {
  const { runs, scratchWords, aux, bitsIn } = layoutStages(selection, selection.kernels, call, division);
  const bytes = (view: Int32Array): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, 4 * selection.uniforms.length);
  const auxBuffer = device.holding(aux);
  // Whatever stood there before: numbers that are no numbers.
  const scratch = new Uint32Array(Math.max(4, scratchWords)).fill(0xffffffff);
  const scratchBuffer = device.holding(scratch);
  const tensors = [call.q, call.k].map((tensor) => device.holding(toDeviceElements(dtype, tensor)));
  const floats = (selection.program.module.floatInputs ?? []).map(({ name }) => device.holding(call.floats![name]!.data));
  const after = new Map<Stage, Uint32Array>();
  for (const { stages, sizes, uniforms } of runs) {
    for (const stage of stages) {
      const { name, symbol, typed, blocks, threads, sharedBytes } = stage;
      const grid = sizes[blocks]!;
      if (grid > 0) {
        const parameters = [bytes(uniforms), ...tensors, auxBuffer, scratchBuffer, ...floats];
        const failure = kernels(typed ? `${symbol}_${dtype}` : symbol, { grid, block: threads, sharedBytes, seed }, parameters);
        if (failure !== "") throw new Error(`${name}: ${failure}`);
      }
      if (division === undefined) {
        after.set(selection.program.stages[selection.kernels.indexOf(stage)]!, scratchBuffer.download(new Uint32Array(scratch.length)));
      }
    }
  }
  const result = { bits: bitsIn(auxBuffer.download(new Uint32Array(aux.length))), scratch: after };
  device.freeBuffers();
  return result;
}
