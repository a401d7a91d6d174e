import type { FloatInput } from "../mask/ir.js";
import { groupSize } from "./axes.js";
import { add, ceilDiv, div, int, intKey, mul, named, ONE, shape, sub, ZERO } from "./int.js";
import type { Bits, Cond, Int, Place, Tensor } from "./ir.js";
import { condBits } from "./walk.js";

/** Where elements lie in memory, counted in elements or words. */

/** Heads of a part. */
export const headCount = { query: mul(shape("partKvHeads"), groupSize), kv: shape("partKvHeads"), one: ONE } as const;

/** The first head of a part. */
export const firstHead = { query: mul(shape("firstKvHead"), groupSize), kv: shape("firstKvHead"), one: ZERO } as const;

/** Where the tensors of a head begin that a part has, counted in heads. */
function headPlace(heads: Tensor["heads"], head: Int): Int {
  return sub(add(mul(named("b"), headCount[heads]), head), add(mul(shape("firstBatch"), headCount[heads]), firstHead[heads]));
}

/** The row of a tensor or matrix, among those that are stored. */
const storedRow = ({ firstRow }: Pick<Tensor, "firstRow">, row: Int): Int => (firstRow === undefined ? row : sub(row, firstRow));

/** A text that is equal for tensors that have elements at the same places. */
export const axesKey = ({ heads, rows, columns, dim, rowUnit, firstRow }: Tensor): string =>
  [heads, rowUnit ?? "", ...[rows, columns, dim, firstRow].map((each) => (each === undefined ? "" : intKey(each)))].join(";");

/** The word of an element in the scratch buffer. */
export function elementOf(tensor: Tensor, { head, row, column, dim }: Place): Int {
  let at = headPlace(tensor.heads, head);
  if (tensor.rows !== undefined) at = add(mul(at, tensor.rows), storedRow(tensor, row!));
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
    case "weights":
      return input.axis === "q" ? row! : column!;
    case "centroids":
    case "pooled":
      return add(mul(column!, shape("headDim")), dim!);
  }
}

export const wordsPerRow = ({ columns }: Pick<Bits, "columns">): Int => div(add(columns, int(31)), int(32));

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
  const at = add(mul(headPlace(bits.heads, named("head")), bits.rows), storedRow(bits, row));
  return add(bits.base, mul(at, wordsPerRow(bits)));
}

/** Query head and kv head of a stage's head: the first of those it serves. */
export function servedHeads(heads: Bits["heads"]): { readonly h: Int; readonly kvh: Int } {
  const head = named("head");
  if (heads === "query") return { h: head, kvh: div(head, groupSize) };
  if (heads === "kv") return { h: mul(head, groupSize), kvh: head };
  return { h: int(0), kvh: int(0) };
}
