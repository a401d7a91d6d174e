import { rowIndex } from "../reference/problem.js";
import type { Expected } from "./tolerance.js";

/** An element of a result, with its place. */
export interface Element {
  readonly tensor: "out" | "lse";
  readonly batch: number;
  readonly head: number;
  readonly query: number;
  /** Only for `out`. */
  readonly dim?: number | undefined;
  readonly expected: number;
  readonly got: number;
  readonly tolerance: number;
}

export interface Comparison {
  readonly ok: boolean;
  /** Greatest absolute error of the output; Infinity where an element is NaN or infinite. */
  readonly maxAbs: number;
  /** Length of the error over the length of the expected output. */
  readonly relL2: number;
  readonly lseMaxAbs: number;
  /** The greatest tolerance of an element of the output, of the lse. */
  readonly tolerance: number;
  readonly lseTolerance: number;
  /** The element whose error is the greatest multiple of its tolerance. */
  readonly worst?: Element | undefined;
}

/** Results in float32, whole tensors: `[batch, heads, queries, valueDim]` and `[batch, heads, queries]`. */
export interface Got {
  readonly out: Float32Array;
  /** Not compared where it is absent. */
  readonly lse?: Float32Array | undefined;
}

interface Sizes {
  readonly heads: number;
  readonly queries: number;
  readonly valueDim: number;
}

/** Compares the rows that `expected` holds. */
export function compare(expected: Expected, got: Got, sizes: Sizes): Comparison {
  const { valueDim } = sizes;
  let worst: Element | undefined;
  let worstRatio = -1;
  let squared = 0;
  let length = 0;
  const most = { out: 0, lse: 0 };
  const judge = (tensor: "out" | "lse", i: number, dim: number | undefined, want: number, have: number, tolerance: number): number => {
    const error = errorOf(want, have);
    most[tensor] = Math.max(most[tensor], error);
    const ratio = error === 0 ? 0 : error / tolerance;
    if (ratio > worstRatio) {
      worstRatio = ratio;
      const { batch, head, query } = expected.rows[i]!;
      worst = { tensor, batch, head, query, dim, expected: want, got: have, tolerance };
    }
    return error;
  };
  expected.rows.forEach((row, i) => {
    const at = rowIndex(sizes, row);
    for (let d = 0; d < valueDim; d++) {
      const want = expected.out[i * valueDim + d]!;
      const error = judge("out", i, d, want, got.out[at * valueDim + d]!, expected.outTolerance[i * valueDim + d]!);
      squared += error * error;
      length += want * want;
    }
    if (got.lse !== undefined) judge("lse", i, undefined, expected.lse[i]!, got.lse[at]!, expected.lseTolerance[i]!);
  });
  return {
    ok: worstRatio <= 1,
    maxAbs: most.out,
    relL2: squared === 0 ? 0 : Math.sqrt(squared / length),
    lseMaxAbs: most.lse,
    tolerance: greatest(expected.outTolerance),
    lseTolerance: greatest(expected.lseTolerance),
    worst,
  };
}

/** Infinity where one is NaN, or infinite and the other is not the same. */
function errorOf(want: number, have: number): number {
  if (want === have) return 0;
  const error = Math.abs(want - have);
  return Number.isNaN(error) ? Infinity : error;
}

function greatest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}
