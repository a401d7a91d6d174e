import { dot, range, softmax, sum, topPlaces, type Vectors } from "./tensors.js";

/** What MInference keeps of a head: key positions and distances q - k. */
export interface VerticalSlash {
  readonly columns: ReadonlySet<number>;
  readonly diagonals: ReadonlySet<number>;
}

export interface VerticalSlashBudget {
  readonly columns: number;
  readonly diagonals: number;
  /** Queries that are attended exactly. */
  readonly rows?: number;
  readonly firstColumns?: number;
  readonly firstDiagonals?: number;
}

/**
 * The estimate of MInference's vertical-slash heads: column and diagonal sums of the exact softmax of the last
 * queries; the first columns and the nearest diagonals are ranked above everything.
 */
export function verticalSlash(q: Vectors, k: Vectors, scale: number, budget: VerticalSlashBudget): VerticalSlash {
  const N = k.length;
  const { rows = 64, firstColumns = 30, firstDiagonals = 100 } = budget;
  const columnMass = new Array<number>(N).fill(0);
  const diagonalMass = new Array<number>(N).fill(0);
  for (let i = Math.max(0, N - rows); i < N; i++) {
    const row = softmax(range(i + 1).map((j) => scale * dot(q[i - (N - q.length)]!, k[j]!)));
    row.forEach((mass, j) => {
      columnMass[j]! += mass;
      diagonalMass[i - j]! += mass;
    });
  }
  columnMass.fill(Infinity, 0, firstColumns);
  diagonalMass.fill(Infinity, 0, firstDiagonals);
  return {
    columns: topPlaces(columnMass, Math.min(N, Math.max(budget.columns, firstColumns))),
    diagonals: topPlaces(diagonalMass, Math.min(N, Math.max(budget.diagonals, firstDiagonals))),
  };
}

/** What a kernel runs for one block of 64 queries: ranges of keys, tested for causality, and keys one by one, which are not. */
export interface BlockRow {
  readonly ranges: readonly (readonly [from: number, to: number])[];
  readonly keys: readonly number[];
}

const BLOCK = 64;

/**
 * The index builder for the block of queries that starts at `start`: diagonals by falling distance and columns by
 * rising position are merged in one walk. A diagonal is the 64 keys that it crosses inside the block. A range that
 * comes at most 64 keys behind the end of the one before lengthens that by 64 keys; columns inside of a range are dropped.
 */
export function blockRow({ columns, diagonals }: VerticalSlash, start: number): BlockRow {
  const end = start + BLOCK;
  const ends = [...diagonals]
    .filter((distance) => distance < end)
    .sort((a, b) => b - a)
    .map((distance) => Math.max(end - distance, BLOCK));
  const ranges: [number, number][] = [];
  for (const to of ends) {
    const open = ranges.at(-1);
    if (open === undefined || to > open[1] + BLOCK) ranges.push([to - BLOCK, to]);
    else if (to > open[1]) open[1] += BLOCK;
  }
  const last = ranges.at(-1)?.[1] ?? 0;
  const keys = [...columns].sort((a, b) => a - b).filter((key) => key < last && !ranges.some(([from, to]) => from <= key && key < to));
  return { ranges, keys };
}

/** Whether the kernels compute the pair of query i and key j. */
export const executed = (row: BlockRow, i: number, j: number): boolean =>
  row.keys.includes(j) || (j <= i && row.ranges.some(([from, to]) => from <= j && j < to));

/** The set that is meant: a kept column or a kept diagonal, exact to the token. */
export const selected = ({ columns, diagonals }: VerticalSlash, i: number, j: number): boolean =>
  j <= i && (columns.has(j) || diagonals.has(i - j));

/** The tiles of 64 x 64 that a diagonal crosses: those under the keys that it crosses in each block of queries. */
export function snapped({ columns, diagonals }: VerticalSlash, i: number, j: number): boolean {
  const start = Math.floor(i / BLOCK) * BLOCK;
  const tile = Math.floor(j / BLOCK);
  const crosses = (distance: number): boolean =>
    Math.floor((start - distance) / BLOCK) === tile || Math.floor((start + BLOCK - 1 - distance) / BLOCK) === tile;
  return j <= i && (columns.has(j) || [...diagonals].some(crosses));
}

/**
 * MInference's block-sparse heads: mean queries and mean keys of 64 tokens, unscaled; of the blocks up to its own each
 * block of queries keeps the best.
 */
export function blockSparse(q: Vectors, k: Vectors, n: number, block = BLOCK): ReadonlySet<number>[] {
  const mean = (tokens: Vectors, b: number): number[] => {
    const part = tokens.slice(b * block, (b + 1) * block);
    return part[0]!.map((_, c) => sum(part.map((token) => token[c]!)) / part.length);
  };
  const blocks = range(Math.ceil(k.length / block));
  return blocks.map((row) =>
    topPlaces(
      blocks.map((column) => (column <= row ? dot(mean(q, row), mean(k, column)) : -Infinity)),
      n,
    ),
  );
}
