import { AttnError } from "../errors.js";

/**
 * Attention over a set of keys, as it can be put together with attention over other keys: row-major rows of
 * outputs, [row, valueDim], and for each row the natural logarithm of the sum of exponentials, -Infinity where the
 * row sees none of these keys. Such a row's output counts for nothing, whatever it holds.
 */
export interface AttentionPart {
  readonly out: Float32Array;
  readonly lse: Float32Array;
}

/** The part without keys: merged with it, every part is what it was. */
export function emptyPart(rows: number, valueDim: number): AttentionPart {
  return { out: new Float32Array(rows * valueDim), lse: new Float32Array(rows).fill(-Infinity) };
}

/**
 * Attention over the keys of both parts, which must have no pair of a query and a key in common: row by row with
 * m = max(lse_a, lse_b) and w = exp(lse - m)
 *
 *     out = (w_a out_a + w_b out_b) / (w_a + w_b),  lse = m + log(w_a + w_b)
 *
 * The order of the parts does not matter; that of several merges does as far as float32 rounds: each merge
 * rounds its results once. Throws an {@link AttnError}, ATTN5231, for parts of other sizes.
 */
export function mergeAttention(a: AttentionPart, b: AttentionPart): AttentionPart {
  const rows = a.lse.length;
  checkSizes(a, b);
  const valueDim = rows === 0 ? 0 : a.out.length / rows;
  const out = new Float32Array(a.out.length);
  const lse = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const [la, lb] = [a.lse[row]!, b.lse[row]!];
    const most = Math.max(la, lb);
    if (most === -Infinity) {
      lse[row] = most;
      continue;
    }
    const [wa, wb] = [Math.exp(la - most), Math.exp(lb - most)];
    const sum = wa + wb;
    lse[row] = most + Math.log(sum);
    for (let i = row * valueDim; i < (row + 1) * valueDim; i++) out[i] = (weighed(wa, a.out[i]!) + weighed(wb, b.out[i]!)) / sum;
  }
  return { out, lse };
}

/** What has no weight does not count, be it NaN. */
const weighed = (weight: number, value: number): number => (weight === 0 ? 0 : weight * value);

function checkSizes(a: AttentionPart, b: AttentionPart): void {
  const sizes = ({ out, lse }: AttentionPart): string => `out of ${out.length} elements, lse of ${lse.length}`;
  const rows = a.lse.length;
  const whole = rows === 0 ? a.out.length === 0 : a.out.length % rows === 0;
  if (whole && b.lse.length === rows && b.out.length === a.out.length) return;
  throw new AttnError("ATTN5231", {
    field: whole ? "b" : "a",
    expected: whole ? sizes(a) : "an out with the same number of elements for each element of lse",
    found: whole ? sizes(b) : sizes(a),
    remedy: "Merge parts of the same queries and heads: out is [rows, valueDim], lse [rows].",
  });
}
