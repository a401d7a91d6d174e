import type { InputLayout } from "../input-layout.js";
import { SUMMARY_TILE } from "../module.js";

/** Threads in a workgroup of the shaders that convert inputs. */
export const PREPARE_THREADS = 64;

/**
 * The parameters of the pass that converts an input, in the order of its shader's struct; the first is the
 * number of threads. `keys` is the N of the call, `indexCount` the entries of a csr input.
 */
export function passParams(layout: InputLayout, keys: number, indexCount: number): readonly number[] {
  const { spec, batch, heads, rows, columns, rowStride, listLength, fields } = layout;
  switch (spec.kind) {
    case "ids": {
      const tiles = Math.ceil(columns / SUMMARY_TILE);
      // Positions that do not exist are held within those that do: what a kernel reads by them exists.
      const [least, greatest] = spec.order === true ? [0, columns - 1] : [-(2 ** 31), 2 ** 31 - 1];
      return [batch * heads * tiles, tiles, columns, fields.base, fields.summary, least, greatest];
    }
    case "bits":
    case "blocks":
      return [batch * heads * rows * rowStride, fields.base];
    case "columns":
    case "diagonals":
      return [batch * heads * listLength, listLength, fields.base, rowStride, columns, spec.kind === "diagonals" ? keys - 1 : 0];
    case "csr":
      return [batch * heads * rows, rows, indexCount, fields.base, rowStride, columns];
  }
}

/** Words of an input's first buffer that its pass reads. */
export function sourceWords(layout: InputLayout): number {
  const { spec, batch, heads, rows, columns, rowStride, listLength } = layout;
  switch (spec.kind) {
    case "ids":
      return batch * heads * columns;
    case "bits":
    case "blocks":
      return batch * heads * rows * rowStride;
    case "columns":
    case "diagonals":
      return batch * heads * listLength;
    case "csr":
      return batch * heads * (rows + 1);
  }
}

/** Words from the input's base on that are cleared before its pass, which only sets bits in them. */
export function clearedWords({ spec, batch, heads, rows, rowStride }: InputLayout): number {
  return spec.kind === "columns" || spec.kind === "diagonals" || spec.kind === "csr" ? batch * heads * rows * rowStride : 0;
}
