import type { OracleInput } from "../../../compiler/oracle/oracle.js";
import type { Call } from "./selected.js";
import { blocksOf, dot, meanVector, range, softmax, sum, vectors, type Vectors } from "./tensors.js";

/** Whether a pair is looked at: query head, positions of query and key. */
export type Pairs = (h: number, i: number, j: number) => boolean;

export const div = (a: number, b: number): number => Math.floor(a / b);

export const groupOf = ({ heads, kvHeads }: Call): number => heads / kvHeads;
export const kvOf = (call: Call, h: number): number => div(h, groupOf(call));
export const queryOf = (call: Call, h: number, i: number): readonly number[] => call.q[h]![i - (call.N - call.NQ)]!;
export const keysOf = (call: Call, h: number): Vectors => call.k[kvOf(call, h)]!;

/** Remembers what a function gives for a head and a row. */
export function perRow<T>(make: (h: number, row: number) => T): (h: number, row: number) => T {
  const known = new Map<string, T>();
  return (h, row) => {
    const key = `${h} ${row}`;
    if (!known.has(key)) known.set(key, make(h, row));
    return known.get(key)!;
  };
}

/** Each query of each head keeps some blocks of keys. */
export function byToken(block: number, kept: (h: number, i: number) => Set<number>): Pairs {
  const blocks = perRow(kept);
  return (h, i, j) => j <= i && blocks(h, i).has(div(j, block));
}

/** Means of the blocks of a head's queries of the call, and of its keys. */
export function blockMeans(call: Call, h: number, blockQ: number, blockK: number): { readonly q: Vectors; readonly k: Vectors } {
  const mean = (tokens: Vectors, block: number): Vectors =>
    range(blocksOf(tokens.length, block)).map((b) => meanVector(tokens, b * block, (b + 1) * block));
  return { q: mean(call.q[h]!, blockQ), k: mean(keysOf(call, h), blockK) };
}

/** Softmax over the key blocks whose first key a query block can see, and any other number of them that `alike` lets in. */
export function pooledRow(
  call: Call,
  h: number,
  row: number,
  [blockQ, blockK]: readonly [number, number],
  causal: boolean,
  alike?: readonly boolean[],
): number[] {
  const { q, k } = blockMeans(call, h, blockQ, blockK);
  const seen = (column: number): boolean => (!causal || column * blockK < (row + 1) * blockQ) && (alike?.[column] ?? true);
  return softmax(k.map((mean, column) => (seen(column) ? call.scale * dot(q[row]!, mean) : -Infinity)));
}

/** Probabilities of the last queries over all keys up to their own. */
export function lastRows(call: Call, h: number, rows: number): { readonly i: number; readonly masses: number[] }[] {
  const { N, scale } = call;
  const k = keysOf(call, h);
  return range(Math.min(rows, call.NQ)).map((r) => {
    const i = N - Math.min(rows, call.NQ) + r;
    return { i, masses: softmax(range(N).map((j) => (j <= i ? scale * dot(queryOf(call, h, i), k[j]!) : -Infinity))) };
  });
}

export const columnMass = (rows: ReturnType<typeof lastRows>, N: number): number[] =>
  range(N).map((j) => sum(rows.map(({ masses }) => masses[j]!)));
export const diagonalMass = (rows: ReturnType<typeof lastRows>, N: number): number[] =>
  range(N).map((o) => sum(rows.map(({ i, masses }) => (o <= i ? masses[i - o]! : 0))));
export const grouped = (values: readonly number[], n: number): number[] =>
  range(blocksOf(values.length, n)).map((b) => sum(values.slice(b * n, (b + 1) * n)));

export const floats = (shape: readonly number[], seed: number): Extract<OracleInput, { kind: "floats" }> => ({
  kind: "floats",
  shape,
  data: Float32Array.from(
    vectors(
      1,
      shape.reduce((a, b) => a * b, 1),
      seed,
    )[0]!,
  ),
});

/** The values at the places that take part, and -Infinity at the others. */
export const among = (values: readonly number[], part: (place: number) => boolean): number[] =>
  values.map((value, place) => (part(place) ? value : -Infinity));

/** Probabilities of the query at position i over the keys up to its own. */
export const exactRow = (call: Call, h: number, i: number): number[] =>
  softmax(range(i + 1).map((j) => call.scale * dot(queryOf(call, h, i), keysOf(call, h)[j]!)));

/** The query heads that share a kv head with h. */
export const groupHeads = (call: Call, h: number): number[] => range(call.heads).filter((other) => kvOf(call, other) === kvOf(call, h));

/** Element by element. */
export const added = (rows: readonly (readonly number[])[]): number[] => rows[0]!.map((_, i) => sum(rows.map((row) => row[i]!)));

/** Mean key of each block of a query's head, up to the block of position i. */
export const meansUpTo = (call: Call, h: number, i: number, block: number): Vectors =>
  range(div(i, block) + 1).map((b) => meanVector(keysOf(call, h), b * block, (b + 1) * block));

/** A vector of an input of floats `[1, heads, places, size]`. */
export function vectorOf(input: OracleInput | undefined, head: number, place: number): number[] {
  if (input?.kind !== "floats") throw new Error("no floats");
  const [, , places, size] = input.shape as [number, number, number, number];
  return range(size).map((c) => input.data[(head * places + place) * size + c]!);
}

/** A number of an input of floats `[1, heads, places]`. */
export function weightOf(input: OracleInput | undefined, head: number, place: number): number {
  if (input?.kind !== "floats") throw new Error("no floats");
  return input.data[head * input.shape[2]! + place]!;
}

/** A number of an input of floats `[1, heads, rows, columns]`. */
export const numberOf = (input: OracleInput | undefined, head: number, row: number, column: number): number =>
  vectorOf(input, head, row)[column]!;
