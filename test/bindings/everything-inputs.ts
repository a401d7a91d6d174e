import { noise } from "./dense.js";

/** Heads and lengths of the calls of `everything` that these inputs are for. */
export const EVERYTHING_SIZES = { batch: 1, heads: 4, kvHeads: 2, NQ: 20, N: 67 } as const;

const { heads, kvHeads, NQ, N } = EVERYTHING_SIZES;

const matrix = (count: number, rows: number, columns: number, data: Uint8Array) =>
  ({ kind: "bits", batch: 1, heads: count, rows, columns, data }) as const;
const bits = (length: number, seed: number): Uint8Array => Uint8Array.from(noise(length, seed), (x) => (x > 0.8 ? 1 : 0));
const only = (length: number, set: readonly number[]): Uint8Array => Uint8Array.from({ length }, (_, i) => (set.includes(i) ? 1 : 0));

/** Every kind of bit input, as arrays and as the reference takes them. */
export function everythingInputs() {
  const rows = Math.ceil(N / 8);
  const lists = Array.from({ length: kvHeads * rows }, (_, i) => (i % 3 === 0 ? [] : [i % rows]));
  const listed = new Uint8Array(kvHeads * rows * rows);
  lists.forEach((list, i) => list.forEach((block) => (listed[i * rows + block] = 1)));
  const starts = (h: number): readonly number[] => Array.from({ length: rows + 1 }, (_, r) => lists.slice(0, h * rows + r).flat().length);
  const offsets = Array.from({ length: kvHeads }, (_, h) => starts(h)).flat();
  const columns = [2, 30, 31, -2147483648];
  const diagonals = [0, 5, 40];
  const places = diagonals.map((d) => d + N - 1);
  const blocks = [Math.ceil(N / 16), Math.ceil(N / 32)] as const;
  return {
    columns,
    diagonals,
    offsets,
    indices: lists.flat(),
    values: {
      tree: matrix(1, NQ, N, bits(NQ * N, 4)),
      map: matrix(heads, ...blocks, bits(heads * blocks[0] * blocks[1], 5)),
      cols: matrix(1, 1, N, only(N, columns)),
      diags: matrix(1, 1, 2 * N - 1, only(2 * N - 1, places)),
      lists: matrix(kvHeads, rows, rows, listed),
    },
  };
}
