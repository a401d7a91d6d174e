import type { MaskModule } from "../../compiler/mask/ir.js";
import type { SelectionCall } from "../../compiler/select/memory.js";
import { wgslSelection } from "../../compiler/targets/wgsl/select.js";
import { addsUp, divisionsOf } from "./divisions.js";
import { firstDifference } from "./lockstep.js";
import { compileStages, runStagesOn } from "./run-stages.js";

/** Selections, and calls of them. */
export interface StagesTask {
  readonly module: MaskModule;
  readonly calls: readonly SelectionCall[];
}

/**
 * Relative to the largest number of a tensor: sums of some hundred numbers in another order (2^-24 each), and exp and log
 * of a device, for which WGSL allows some units in the last place.
 */
const TOLERANCE = 3e-5;

/** Runs printed stages on a device: for each task what first differs from the interpreter. Data only come and go. */
export async function job(device: GPUDevice, tasks: readonly StagesTask[]): Promise<(string | undefined)[]> {
  const compiled = tasks.map(({ module }) => {
    const kernels = wgslSelection(module)!;
    return { kernels, pipelines: compileStages(device, kernels) };
  });
  const answers: (string | undefined)[] = [];
  for (const [i, { calls }] of tasks.entries()) {
    const { kernels, pipelines } = compiled[i]!;
    let found: string | undefined;
    for (const call of calls) {
      const whole = await runStagesOn(device, kernels, await pipelines, call);
      found ??= firstDifference(kernels.program, call, whole, TOLERANCE);
      // In parts the same is chosen, bit for bit.
      if (addsUp(kernels.program)) continue;
      const division = divisionsOf(kernels.program, call, 1)[2]!;
      const parts = await runStagesOn(device, kernels, await pipelines, call, division);
      for (const { bits } of kernels.program.matrices) {
        const at = parts.bits[bits.name]!.data.findIndex((value, i) => value !== whole.bits[bits.name]!.data[i]);
        if (at >= 0) found ??= `in parts of ${JSON.stringify(division)} bit ${at} of ${bits.name} differs`;
      }
    }
    answers.push(found);
  }
  return answers;
}
