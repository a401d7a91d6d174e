import type { HostScalar, Table } from "../mask/ir.js";
import type { CudaModule } from "../../runtime/cuda/module.js";
import type { AttentionModule, KernelVariant } from "../../runtime/launch/module.js";
import { printScalar, type HostHelper } from "./host-js.js";
import { commentLine, dataText, objectText, templateText } from "./literals.js";
import type { OperatorNames } from "./names.js";

/** What helper functions are called in generated files. */
export const helperName = (helper: HostHelper): string => (helper === "scalar" ? "toScalar" : helper);

type Properties = readonly (readonly [key: string, text: string | undefined])[];

/** The launch manifest as an object literal; what host scalars compute becomes a function. */
export function moduleText(launch: AttentionModule, scalars: readonly HostScalar[], names: OperatorNames): string {
  const { variants, ...data } = launch;
  return manifestText(data, scalars, names, [["variants", `[${variants.map(variantText).join(", ")}]`]]);
}

/** As {@link moduleText}, with the source of the CUDA kernels. */
export function cudaModuleText(launch: CudaModule, scalars: readonly HostScalar[], names: OperatorNames): string {
  const { variants, cuda, ...data } = launch;
  const kernels = objectText([
    ["kernels", dataText(cuda.kernels)],
    ["source", `/* cpp */ ${templateText(cuda.source)}`],
  ]);
  return manifestText(data, scalars, names, [
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
    const text = printScalar(scalar, { env: "env", table: names.table, helper: helperName });
    return `// ${commentLine(scalar.note)}\n${text},\n`;
  });
  const parameter = rows.some((row) => /\benv[.]/.test(row.slice(row.indexOf("\n")))) ? "env" : "";
  return `{ count: ${scalars.length}, evaluate: (${parameter}) => [\n${rows.join("")}] }`;
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
