import type { MaskModule } from "../mask/ir.js";
import type { Int } from "../select/ir.js";
import type { SelectionSpec, SelectionStage } from "../../runtime/launch/module.js";
import type { HostNames } from "./host-js.js";
import { dataText, objectText, templateText } from "./literals.js";
import { printReuse } from "./reuse-js.js";
import { printSizes } from "./size-js.js";

/**
 * The selections of a launch manifest as an object literal; the numbers of a launch and the rules of reuse become functions.
 * `sizes` are those that the indices in `spec` are of: printing gives the same in the same order each time.
 */
export function selectionText(spec: SelectionSpec, mask: MaskModule, sizes: readonly Int[], names: HostNames): string {
  return objectText([
    ["sizes", printSizes(sizes)],
    ["matrices", dataText(spec.matrices)],
    ["reuse", printReuse(mask, names)],
    ["scratch", dataText(spec.scratch)],
    ["parts", dataText(spec.parts)],
    ["floatInputs", dataText(spec.floatInputs)],
    ["stages", `[${spec.stages.map(stageText).join(", ")}]`],
    ["uniforms", dataText(spec.uniforms)],
  ]);
}

function stageText(stage: SelectionStage): string {
  const { wgsl, ...data } = stage;
  return objectText([
    ...Object.entries(data).map(([key, value]) => [key, dataText(value)] as const),
    ["wgsl", `/* wgsl */ ${templateText(wgsl)}`],
  ]);
}
