import type { HostScalar, MaskModule, Table } from "../mask/ir.js";
import { cudaSelection } from "../targets/cuda/select/source.js";
import { wgslSelection } from "../targets/wgsl/select.js";
import type { CudaModule } from "../../runtime/cuda/module.js";
import type { AttentionModule, KernelVariant } from "../../runtime/launch/module.js";
import { printScalar, type HostHelper, type HostNames } from "./host-js.js";
import { commentLine, dataText, objectText, templateText } from "./literals.js";
import type { OperatorNames } from "./names.js";
import { selectionText } from "./selection-constant.js";

/** What helper functions are called in generated files. */
export const helperName = (helper: HostHelper): string => (helper === "scalar" ? "toScalar" : helper);

const hostNames = (names: OperatorNames): HostNames => ({ env: "env", table: names.table, helper: helperName });

type Properties = readonly (readonly [key: string, text: string | undefined])[];

/** The launch manifest as an object literal; what the host computes for a launch becomes functions. */
export function moduleText(launch: AttentionModule, mask: MaskModule, names: OperatorNames): string {
  const { variants, selection, ...data } = launch;
  return manifestText(data, mask.scalars, names, [
    ["selection", selection && selectionText(selection, mask, wgslSelection(mask)!.sizes, hostNames(names))],
    ["variants", `[${variants.map(variantText).join(", ")}]`],
  ]);
}

/** As {@link moduleText}, with the source of the CUDA kernels, or what it is called. */
export function cudaModuleText(
  launch: CudaModule,
  mask: MaskModule,
  names: OperatorNames,
  source = `/* cpp */ ${templateText(launch.cuda.source)}`,
): string {
  const { variants, selection, cuda, ...data } = launch;
  const kernels = objectText([
    ["kernels", dataText(cuda.kernels)],
    ["stages", cuda.stages && dataText(cuda.stages)],
    ["source", source],
  ]);
  const dtypes = [...new Set(cuda.kernels.map(({ dtype }) => dtype))];
  return manifestText(data, mask.scalars, names, [
    ["selection", selection && selectionText(selection, mask, cudaSelection(mask, dtypes)!.sizes, hostNames(names))],
    ["variants", dataText(variants)],
    ["cuda", kernels],
  ]);
}

function manifestText(data: object, scalars: readonly HostScalar[], names: OperatorNames, kernels: Properties): string {
  return objectText([
    ...Object.entries({ ...data, scalars: undefined }).map(
      ([key, value]) => [key, value === undefined ? undefined : dataText(value)] as const,
    ),
    ["scalars", scalars.length === 0 ? undefined : scalarsText(scalars, names)],
    ...kernels,
  ]);
}

function scalarsText(scalars: readonly HostScalar[], names: OperatorNames): string {
  const rows = scalars.map((scalar) => {
    const text = printScalar(scalar, hostNames(names));
    return `// ${commentLine(scalar.note)}\n${text},\n`;
  });
  const parameter = rows.some((row) => /\benv[.]/.test(row.slice(row.indexOf("\n")))) ? "env" : "";
  const floats = scalars.flatMap(({ as }, slot) => (as === "f32" ? [slot] : []));
  const slots = floats.length === 0 ? "" : `floats: ${dataText(floats)}, `;
  return `{ count: ${scalars.length}, ${slots}evaluate: (${parameter}) => [\n${rows.join("")}] }`;
}

function variantText(variant: KernelVariant): string {
  const { wgsl, ...data } = variant;
  return objectText([
    ...Object.entries(data).map(([key, value]) => [key, dataText(value)] as const),
    ["wgsl", `/* wgsl */ ${templateText(wgsl)}`],
  ]);
}

/** A table as `[row][column]`. */
export function tableText(table: Table): string {
  const row = (r: number): readonly number[] => table.values.slice(r * table.columns, (r + 1) * table.columns);
  return dataText(Array.from({ length: table.rows }, (_, r) => row(r)));
}
