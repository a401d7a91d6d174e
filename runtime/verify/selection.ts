import type { ExactOrder, ExpectedFlag, ExpectedHead, ExpectedOrder, ExpectedSelection } from "./selection-expected.js";
import { exactFault, orderFault, orderRows } from "./selection-order.js";
import { budgetsOf, certainty, faultOf, type Fault } from "./selection-row.js";

/** Matrices of bits as a device made them, for each batch entry and head: rows of 32-bit words. */
export interface MadeBits {
  readonly batch: number;
  /** The query heads, the kv heads or 1. */
  readonly heads: number;
  readonly rows: number;
  readonly columns: number;
  readonly words: ArrayLike<number>;
}

/** The unit that shows most clearly what is wrong, with its score in float64. */
export interface SelectionFault {
  readonly batch: number;
  readonly head: number;
  readonly row: number;
  readonly problem: string;
  readonly unit?: number | undefined;
  readonly score?: number | undefined;
  /** The unit that should be in its place. */
  readonly other?: number | undefined;
  readonly otherRow?: number | undefined;
  readonly otherScore?: number | undefined;
}

/** What came of one selection or flag of a case. */
export interface SelectionCheck {
  readonly name: string;
  readonly kind: "selection" | "flag" | "order";
  readonly heads: number;
  readonly rows: number;
  /** Units of a row. */
  readonly units: number;
  /** Units kept, over all rows and heads. */
  readonly kept: number;
  /** Units kept that the slow selector leaves out, all of them closer in score to one that it keeps than rounding tells. */
  readonly swaps: number;
  readonly ok: boolean;
  readonly worst?: SelectionFault | undefined;
}

export interface SelectionSizes {
  readonly batch: number;
  readonly heads: number;
  readonly kvHeads: number;
}

/** Whether the mask of a head reads a selection. Heads that do not need not be selected for. */
export type Reads = (batch: number, head: number) => boolean;

/**
 * Compares a selection that a device made with what the slow selector makes: the same units, but for swaps among
 * scores, masses and bounds that are closer than rounding can tell. Every query head is compared with the list that it
 * reads.
 */
export function checkSelection(
  expected: ExpectedSelection | ExpectedFlag | ExpectedOrder | ExactOrder,
  made: MadeBits,
  sizes: SelectionSizes,
  reads: Reads = () => true,
): SelectionCheck {
  if (expected.kind === "order") return checkOrder(expected, made, sizes);
  const { name, kind } = expected;
  const [rows, columns] = kind === "flag" ? [1, 1] : [expected.matrix.rows, expected.matrix.columns];
  const about = { name, kind, heads: made.heads, rows: made.rows, units: made.columns };
  const fail = (fault: SelectionFault): SelectionCheck => ({ ...about, kept: countBits(made), swaps: 0, ok: false, worst: fault });
  const shape = wrongShape(made, rows, columns, sizes);
  if (shape !== undefined) return fail({ batch: 0, head: 0, row: 0, problem: shape });
  let swaps = 0;
  const counted = new Set<number>();
  for (let b = 0; b < sizes.batch; b++) {
    for (let h = 0; h < sizes.heads; h++) {
      const own = headOf(made, h, sizes);
      const bit = (row: number, column: number): boolean => bitAt(made, b, own, row, column);
      const fault = kind === "flag" ? flagFault(expected, b, h, bit) : headFault(expected, expected.select(b, h), bit);
      if (fault !== undefined) {
        if (reads(b, h)) return fail(placed(expected, fault, b, h));
        continue;
      }
      // Heads that share a list share its swaps.
      if (kind === "flag" || counted.has(b * made.heads + own)) continue;
      counted.add(b * made.heads + own);
      swaps += swapsOf(expected, expected.select(b, h), bit);
    }
  }
  return { ...about, kept: countBits(made), swaps, ok: true };
}

function checkOrder(expected: ExpectedOrder | ExactOrder, made: MadeBits, sizes: SelectionSizes): SelectionCheck {
  const { length } = "valuesOf" in expected ? expected.valuesOf(0, 0) : expected.scoresOf(0, 0).scores[0]!;
  const about = { name: expected.name, kind: expected.kind, heads: made.heads, rows: 1, units: length, kept: 0, swaps: 0 };
  const shape = wrongShape(made, orderRows(length), 32, sizes);
  if (shape !== undefined) return { ...about, ok: false, worst: { batch: 0, head: 0, row: 0, problem: shape } };
  for (let b = 0; b < sizes.batch; b++) {
    for (let h = 0; h < sizes.heads; h++) {
      const start = (b * made.heads + headOf(made, h, sizes)) * made.rows;
      const word = (row: number): number => made.words[start + row]!;
      const fault = "valuesOf" in expected ? exactFault(expected.valuesOf(b, h), word) : orderFault(expected, b, h, word);
      if (fault !== undefined)
        return { ...about, ok: false, worst: { batch: b, head: h, row: 0, unit: fault.place, problem: fault.problem } };
    }
  }
  return { ...about, ok: true };
}

function flagFault(expected: ExpectedFlag, b: number, h: number, bit: (row: number, column: number) => boolean): Fault | undefined {
  const { holds, sure } = expected.decide(b, h);
  return sure && bit(0, 0) !== holds ? { problem: `is ${bit(0, 0)}, not ${holds}` } : undefined;
}

function headFault({ matrix }: ExpectedSelection, head: ExpectedHead, bit: (row: number, column: number) => boolean): Fault | undefined {
  const { columns } = head;
  const { bitsOf = matrix.bitsOf } = head;
  if (!isSnapped(matrix, head)) {
    for (const places of budgetsOf(head)) {
      const fault = faultOf(head, places, (place) => bit(Math.floor(place / columns), place % columns));
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  const possible = new Set<number>();
  const at = (i: number, j: number): number => i * matrix.columns + j;
  for (const places of budgetsOf(head)) {
    const known = certainty(head, places);
    for (const place of known.sure) {
      for (const [i, j] of bitsOf(Math.floor(place / columns), place % columns))
        if (!bit(i, j)) return { problem: `lacks tile ${j} of row ${i}, which a unit touches that is surely kept`, unit: place };
    }
    for (const place of known.possible) for (const [i, j] of bitsOf(Math.floor(place / columns), place % columns)) possible.add(at(i, j));
  }
  for (let i = 0; i < matrix.rows; i++) {
    for (let j = 0; j < matrix.columns; j++)
      if (bit(i, j) && !possible.has(at(i, j))) return { problem: `has tile ${j} of row ${i}, which no unit touches that may be kept` };
  }
  return undefined;
}

/** Whether a bit stands for a tile that units touch, and not for a unit. */
function isSnapped(matrix: ExpectedSelection["matrix"], { rows, columns, bitsOf }: ExpectedHead): boolean {
  if (bitsOf !== undefined || matrix.rows !== rows || matrix.columns !== columns) return true;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const bits = matrix.bitsOf(i, j);
      if (bits.length !== 1 || bits[0]![0] !== i || bits[0]![1] !== j) return true;
    }
  }
  return false;
}

function swapsOf({ matrix }: ExpectedSelection, head: ExpectedHead, bit: (row: number, column: number) => boolean): number {
  if (isSnapped(matrix, head)) return 0;
  return head.kept.reduce((sum, kept, i) => sum + Number(kept === 0 && bit(Math.floor(i / head.columns), i % head.columns)), 0);
}

function placed(expected: ExpectedSelection | ExpectedFlag, { problem, unit, other }: Fault, batch: number, head: number): SelectionFault {
  if (expected.kind === "flag") return { batch, head, row: 0, problem };
  const { columns, scores } = expected.select(batch, head);
  const rowOf = (place: number): number => Math.floor(place / columns);
  return {
    batch,
    head,
    row: unit === undefined ? 0 : rowOf(unit),
    problem,
    ...(unit === undefined ? {} : { unit: unit % columns, score: scores[0]![unit]! }),
    ...(other === undefined ? {} : { other: other % columns, otherRow: rowOf(other), otherScore: scores[0]![other]! }),
  };
}

function wrongShape(made: MadeBits, rows: number, columns: number, sizes: SelectionSizes): string | undefined {
  if (made.rows !== rows || made.columns !== columns) return `has ${made.rows} rows of ${made.columns}, not ${rows} of ${columns}`;
  if (made.batch !== sizes.batch) return `has ${made.batch} batch entries, not ${sizes.batch}`;
  if (![1, sizes.kvHeads, sizes.heads].includes(made.heads)) return `has ${made.heads} heads`;
  const words = made.batch * made.heads * rows * Math.ceil(columns / 32);
  if (made.words.length < words) return `has ${made.words.length} words, not ${words}`;
  // A caller who gives the matrix back is refused bits behind the last unit.
  const padding = columns % 32 === 0 ? 0 : (-1 << (columns % 32)) >>> 0;
  for (let i = Math.ceil(columns / 32) - 1; i < words; i += Math.ceil(columns / 32))
    if ((made.words[i]! & padding) !== 0) return "has bits behind its last unit";
  return undefined;
}

function headOf({ heads }: MadeBits, h: number, sizes: SelectionSizes): number {
  if (heads === sizes.heads) return h;
  return heads === 1 ? 0 : Math.floor(h / (sizes.heads / sizes.kvHeads));
}

/** One bit of a matrix. */
export function bitAt({ heads, rows, columns, words }: MadeBits, b: number, head: number, row: number, column: number): boolean {
  const word = words[((b * heads + head) * rows + row) * Math.ceil(columns / 32) + Math.floor(column / 32)]!;
  return ((word >>> (column % 32)) & 1) === 1;
}

function countBits({ words }: MadeBits): number {
  let count = 0;
  for (let i = 0; i < words.length; i++) for (let word = words[i]! >>> 0; word !== 0; word = (word & (word - 1)) >>> 0) count++;
  return count;
}
