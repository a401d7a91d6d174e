import type { FloatInput } from "../mask/ir.js";
import { groupSize } from "./axes.js";
import { add, ceilDiv, div, int, mul, named, product, shape } from "./int.js";
import type { Bits, Cond, Int, Place, Tensor } from "./ir.js";
import { condBits } from "./walk.js";

/** Where elements lie in memory, counted in elements or words. */

export const headCount = { query: shape("heads"), kv: shape("kvHeads"), one: int(1) } as const;

/** The word of an element in the scratch buffer. */
export function elementOf(tensor: Tensor, { head, row, column, dim }: Place): Int {
  let at = add(mul(named("b"), headCount[tensor.heads]), head);
  if (tensor.rows !== undefined) at = add(mul(at, tensor.rows), row!);
  if (tensor.columns !== undefined) at = add(mul(at, tensor.columns), column!);
  if (tensor.dim !== undefined) at = add(mul(at, tensor.dim), dim!);
  return add(tensor.base, at);
}

/** The number of a query, `[batch, heads, NQ, headDim]`. */
export function queryElement(head: Int, row: Int, dim: Int): Int {
  return add(mul(add(mul(add(mul(named("b"), shape("heads")), head), shape("NQ")), row), shape("headDim")), dim);
}

/** The number of a key, `[batch, kvHeads, N, headDim]`. */
export function keyElement(head: Int, row: Int, dim: Int): Int {
  return add(mul(add(mul(add(mul(named("b"), shape("kvHeads")), head), shape("N")), row), shape("headDim")), dim);
}

/** The number of an input of floats, in what a head has of it. */
export function inputElement(input: FloatInput, { row, column, dim }: Place): Int {
  switch (input.kind) {
    case "scores":
      return add(mul(row!, ceilDiv(shape("N"), int(input.m))), column!);
    case "channels":
      return dim!;
    case "pooled":
      return add(mul(column!, shape("headDim")), dim!);
  }
}

export const wordsPerRow = ({ columns }: Pick<Bits, "columns">): Int => div(add(columns, int(31)), int(32));

/** Words of all matrices of one kind. */
export const bitWords = (bits: Pick<Bits, "heads" | "rows" | "columns">): Int =>
  product(shape("batch"), headCount[bits.heads], bits.rows, wordsPerRow(bits));

/**
 * Whether the matrices that a condition reads have a row of bits for each head of a stage: bits in the scratch buffer are of the
 * same heads.
 */
export function servesHeads(cond: Cond, to: Bits["heads"]): boolean {
  return condBits(cond).every(({ heads, base }) => heads === to || (base === undefined && (heads === "one" || to === "query")));
}

/** The first word of a row of bits in the scratch buffer, of the stage's own head. */
export function bitRow(bits: Bits, row: Int): Int {
  if (bits.base === undefined) throw new Error(`${bits.name} is not in the scratch buffer`);
  const at = add(mul(add(mul(named("b"), headCount[bits.heads]), named("head")), bits.rows), row);
  return add(bits.base, mul(at, wordsPerRow(bits)));
}

/** Query head and kv head of a stage's head: the first of those it serves. */
export function servedHeads(heads: Bits["heads"]): { readonly h: Int; readonly kvh: Int } {
  const head = named("head");
  if (heads === "query") return { h: head, kvh: div(head, groupSize) };
  if (heads === "kv") return { h: mul(head, groupSize), kvh: head };
  return { h: int(0), kvh: int(0) };
}
