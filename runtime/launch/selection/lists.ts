import { AttnError } from "../errors.js";

/**
 * What a selection chose, as it lies in a buffer: for each batch entry, head and row a row of bits, `ceil(columns / 32)`
 * words, bit c of a row being bit `c & 31` of its word `c >> 5`. Heads are the query heads, the kv heads or 1; rows and
 * columns the units of the selection, rows counted from the one that holds the first query of the call.
 */
export interface SelectedBits {
  readonly batch: number;
  readonly heads: number;
  readonly rows: number;
  readonly columns: number;
  readonly words: Uint32Array<ArrayBuffer>;
}

type SelectedShape = Omit<SelectedBits, "words">;

/** Words of one row. */
export const selectedRowWords = ({ columns }: Pick<SelectedBits, "columns">): number => Math.ceil(columns / 32);

/** Words of all rows. */
export const selectedWords = (shape: SelectedShape): number => shape.batch * shape.heads * shape.rows * selectedRowWords(shape);

function rowIndex(shape: SelectedShape, batch: number, head: number, row: number): number {
  const places = [
    ["batch", batch, shape.batch],
    ["head", head, shape.heads],
    ["row", row, shape.rows],
  ] as const;
  for (const [field, value, count] of places) {
    if (Number.isInteger(value) && value >= 0 && value < count) continue;
    throw new AttnError("ATTN5216", {
      field,
      expected: `an integer from 0 to ${count - 1}`,
      found: String(value),
      remedy: "Ask for a row that the selection has.",
    });
  }
  return (batch * shape.heads + head) * shape.rows + row;
}

/** The units that one row selects, rising. Throws ATTN5216 where there is no such row. */
export function selectedUnits(bits: SelectedBits, batch: number, head: number, row: number): number[] {
  const rowWords = selectedRowWords(bits);
  const start = rowIndex(bits, batch, head, row) * rowWords;
  const units: number[] = [];
  for (let unit = 0; unit < bits.columns; unit++) {
    if ((bits.words[start + (unit >> 5)]! >>> (unit & 31)) & 1) units.push(unit);
  }
  return units;
}

/**
 * The selection whose row has the units that `units` gives for it, in any order; one that is named twice counts once.
 * Throws ATTN5216 where a unit is out of range.
 */
export function selectedBits(shape: SelectedShape, units: (batch: number, head: number, row: number) => Iterable<number>): SelectedBits {
  const { batch, heads, rows, columns } = shape;
  const rowWords = selectedRowWords(shape);
  const words = new Uint32Array(selectedWords(shape));
  for (let i = 0; i < batch * heads * rows; i++) {
    const [b, h, row] = [Math.floor(i / (heads * rows)), Math.floor(i / rows) % heads, i % rows];
    for (const unit of units(b, h, row)) {
      if (!Number.isInteger(unit) || unit < 0 || unit >= columns) {
        throw new AttnError("ATTN5216", {
          field: `units of batch entry ${b}, head ${h}, row ${row}`,
          expected: `integers from 0 to ${columns - 1}`,
          found: String(unit),
          remedy: "Leave out units that the call does not have.",
        });
      }
      words[i * rowWords + (unit >> 5)]! |= 1 << (unit & 31);
    }
  }
  return { batch, heads, rows, columns, words };
}

/** Throws ATTN5216 for the first bit of a row past its columns: it would be of no unit. */
export function checkPaddingBits(field: string, bits: SelectedBits): void {
  const rowWords = selectedRowWords(bits);
  const used = bits.columns & 31;
  if (used === 0) return;
  for (let i = rowWords - 1; i < bits.words.length; i += rowWords) {
    const beyond = bits.words[i]! >>> used;
    if (beyond === 0) continue;
    const row = Math.floor(i / rowWords);
    const column = (rowWords - 1) * 32 + used + (31 - Math.clz32(beyond & -beyond));
    throw new AttnError("ATTN5216", {
      field: `${field}.words[${i}]`,
      expected: `no bit past the ${bits.columns} columns`,
      found: `bit ${column} of row ${row % bits.rows} of head ${Math.floor(row / bits.rows) % bits.heads}, batch entry ${Math.floor(row / (bits.rows * bits.heads))}`,
      remedy: "Give back the words as they came, or make them with `selectedBits`.",
    });
  }
}
