import { rowsOf } from "../../select/axes.js";
import { product, shape, ZERO } from "../../select/int.js";
import { firstHead, headCount, servedHeads, wordsPerRow } from "../../select/places.js";
import type { Bits, DotStage, Int, MapStage, Stage, Tensor, WordsStage } from "../../select/ir.js";
import type { KernelDialect, Statements } from "./kernel-dialect.js";
import type { SelectValues } from "./select-values.js";

/** An axis along which the elements of a stage are counted. */
export interface CountedAxis {
  readonly name: string;
  readonly count: Int;
  /** The first index, where it is not 0. */
  readonly first?: Int | undefined;
}

export function axesOf(stage: MapStage | DotStage): readonly CountedAxis[] {
  const { rows, columns, dim } = stage.to;
  return [
    ...(rows === undefined ? [] : [rowAxis("row", stage)]),
    ...(columns === undefined ? [] : [{ name: "column", count: columns }]),
    ...(dim === undefined ? [] : [{ name: "dim", count: dim }]),
  ];
}

/** The rows that a stage computes, as an axis. */
export const rowAxis = (name: string, stage: Stage): CountedAxis => ({ name, ...rowsOf(stage) });

/** The words of rows of numbers, as an axis. */
export const wordAxis = (stage: WordsStage): CountedAxis => ({ name: "dim", count: wordsPerRow(stage.to) });

/**
 * Statements for a thread that is to find out whether a stage may be left out: `stays` is whether the number of no batch entry
 * of the part is 0.
 */
export function printStays(dialect: KernelDialect, text: Statements, values: SelectValues, unless: Tensor): void {
  const first = values.int(shape("firstBatch"));
  text.line(dialect.variable("bool", "stays", "true"));
  text.block(dialect.loop("b", first, `${first} + ${values.int(shape("partBatch"))}`, "1"), () =>
    text.line(`stays = stays && ${values.cond({ kind: "nonzero", a: { kind: "load", from: unless, at: { head: ZERO } } })};`),
  );
}

/** How many elements a stage counts along its axes, for all batch entries and heads of a part. */
export const countAll = (heads: Bits["heads"], axes: readonly Pick<CountedAxis, "count">[]): Int =>
  product(shape("partBatch"), headCount[heads], ...axes.map(({ count }) => count));

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
  const after = (first: Int, value: string): string => {
    const start = values.int(first);
    return start === "0" ? value : value === "0" ? start : `${start} + ${value}`;
  };
  let rest = from;
  for (const [i, { name, count, first = ZERO }] of [{ name: "head", count: headCount[heads], first: firstHead[heads] }, ...axes]
    .reverse()
    .entries()) {
    const extent = values.int(count);
    constant(name, after(first, extent === "1" ? "0" : `${rest} % ${extent}`));
    if (extent !== "1") {
      constant(`rest_${i}`, `${rest} / ${extent}`);
      rest = `rest_${i}`;
    }
  }
  constant("b", after(shape("firstBatch"), rest));
  const { h, kvh } = servedHeads(heads);
  constant("h", values.int(h));
  constant("kvh", values.int(kvh));
}
