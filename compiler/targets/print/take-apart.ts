import { headCount, servedHeads } from "../../select/places.js";
import type { Bits, Int, Tensor } from "../../select/ir.js";
import type { KernelDialect, Statements } from "./kernel-dialect.js";
import type { SelectValues } from "./select-values.js";

/** An axis along which the elements of a stage are counted. */
export interface CountedAxis {
  readonly name: string;
  readonly count: Int;
}

export const axesOf = ({ rows, columns, dim }: Pick<Tensor, "rows" | "columns" | "dim">): readonly CountedAxis[] => [
  ...(rows === undefined ? [] : [{ name: "row", count: rows }]),
  ...(columns === undefined ? [] : [{ name: "column", count: columns }]),
  ...(dim === undefined ? [] : [{ name: "dim", count: dim }]),
];

/** Statements that take a count of elements apart, the last axis fastest, and name the heads. */
export function printTakeApart(
  dialect: KernelDialect,
  text: Statements,
  values: SelectValues,
  from: string,
  axes: readonly CountedAxis[],
  heads: Bits["heads"],
): void {
  const constant = (name: string, value: string): void => text.line(dialect.constant("int", name, value));
  let rest = from;
  for (const [i, axis] of [{ name: "head", count: headCount[heads] }, ...axes].reverse().entries()) {
    const extent = values.int(axis.count);
    constant(axis.name, extent === "1" ? "0" : `${rest} % ${extent}`);
    if (extent !== "1") {
      constant(`rest_${i}`, `${rest} / ${extent}`);
      rest = `rest_${i}`;
    }
  }
  constant("b", rest);
  const { h, kvh } = servedHeads(heads);
  constant("h", values.int(h));
  constant("kvh", values.int(kvh));
}
