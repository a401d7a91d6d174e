import type { BitsValue, MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { reuseRules } from "../mask/reuse.js";
import { envOfCall } from "../mask/windows.js";
import { interpretSelections } from "../select/interpret.js";
import { lowerSelections } from "../select/lower.js";
import type { FloatsValue } from "../select/memory.js";
import { reusedNames } from "../../runtime/launch/selection/rules.js";
import type { VerifyTensors } from "../../runtime/verify/tensors.js";
import type { ExecutorCall } from "./executor.js";
import { bitsValue, selectionShapes, withColumns } from "./selections.js";

/**
 * What the selections of a module choose in a call, in plain TypeScript: the bits that its mask reads, by their names.
 * The functions that it gives throw ATTN5214 and ATTN5217, as a launcher does.
 */
export function interpretedSelections(
  module: MaskModule,
): (tensors: VerifyTensors, call: ExecutorCall, env: MaskEnv) => Readonly<Record<string, BitsValue>> {
  const program = lowerSelections(module);
  if (program === undefined) return () => ({});
  return ({ q, k: ownKeys, callKeys: k = ownKeys }, call, ownEnv) => {
    const env = envOfCall(module, ownEnv);
    const { batch, scale, reuse = {} } = call;
    const floats = Object.fromEntries(
      (module.floatInputs ?? []).map(({ name }): [string, FloatsValue] => {
        const value = call.inputs[name];
        if (value?.kind !== "floats") throw new Error(`floats are expected for ${name}`);
        return [name, { batch: value.shape[0]!, heads: value.shape[1]!, data: value.data }];
      }),
    );
    const { N: n, NQ: nq, params = {}, layer = 0, layers = 0, step = 0, steps = 0, phase = 0 } = env;
    const shapes = selectionShapes(module, ownEnv, batch);
    const rules = { name: module.name, selection: { matrices: shapes, reuse: reuseRules(module) } };
    const names = reusedNames(rules, { n, nq, params, launch: { layer, layers, step, steps, phase } }, reuse);
    const given = Object.fromEntries(
      shapes
        .filter(({ name }) => names.includes(name))
        .map(({ name, columns }) => [name, withColumns(bitsValue(reuse[name]!), columns)] as const),
    );
    return interpretSelections(program, { env, batch, headDim: module.shape.headDim, scale, q, k, floats, given });
  };
}
