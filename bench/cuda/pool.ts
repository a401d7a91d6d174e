import { writeNpy } from "../../runtime/tensor/npy.js";

/** A piece of a pool: where it starts, in words, and its shape. */
export interface Piece {
  readonly at: number;
  readonly shape: readonly number[];
}

/** Many arrays of 32-bit words in one .npy file. */
export interface Pool {
  readonly add: (words: Int32Array, shape: readonly number[]) => Piece;
  readonly bytes: () => Uint8Array;
}

export function openPool(): Pool {
  const parts: Int32Array[] = [];
  let length = 0;
  return {
    add(words, shape) {
      const at = length;
      parts.push(words);
      length += words.length;
      return { at, shape };
    },
    bytes() {
      const data = new Int32Array(length);
      let at = 0;
      for (const part of parts) {
        data.set(part, at);
        at += part.length;
      }
      return writeNpy({ dtype: "i32", shape: [length], data });
    },
  };
}

/** Truths of rows as words, the lowest bit first; a row starts with a word of its own. */
export function packRows(rows: number, columns: number, truth: (row: number, column: number) => boolean): Int32Array {
  const width = Math.ceil(columns / 32);
  const words = new Int32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (truth(row, column)) words[row * width + (column >> 5)]! |= 1 << (column & 31);
    }
  }
  return words;
}
