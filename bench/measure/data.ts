/** Sizes of one self-attention, batch 1, as many kv heads as heads. */
export interface Workload {
  readonly heads: number;
  readonly headDim: number;
  readonly length: number;
}

/** q, k and v, each `[heads, length, headDim]`. */
export type Tensors = Readonly<Record<"q" | "k" | "v", Float32Array<ArrayBuffer>>>;

/** Normally distributed numbers, the same on every machine: xorshift32, then Box and Muller. */
export function normals(count: number, seed: number): Float32Array<ArrayBuffer> {
  let state = Math.imul(seed + 1, 0x9e3779b9) | 1;
  const unit = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 8) + 0.5) / 2 ** 24;
  };
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const [radius, angle] = [Math.sqrt(-2 * Math.log(unit())), 2 * Math.PI * unit()];
    values[i] = radius * Math.cos(angle);
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}

const made = new Map<string, Tensors>();

/** The tensors of a workload: every contestant of a measurement computes on the same ones. */
export function tensorsOf({ heads, headDim, length }: Workload): Tensors {
  const key = [heads, headDim, length].join();
  const count = heads * length * headDim;
  const known = made.get(key) ?? { q: normals(count, 1), k: normals(count, 2), v: normals(count, 3) };
  // Only the last one is kept: measurements of one length follow one another.
  made.clear();
  made.set(key, known);
  return known;
}

/** `[heads, length, dim]` as `[length, heads, dim]`, or back with the first two counts exchanged. */
export function swapLeading(values: Float32Array, first: number, second: number): Float32Array<ArrayBuffer> {
  const swapped = new Float32Array(values.length);
  const dim = values.length / first / second;
  for (let a = 0; a < first; a++) {
    for (let b = 0; b < second; b++)
      swapped.set(values.subarray((a * second + b) * dim, (a * second + b + 1) * dim), (b * first + a) * dim);
  }
  return swapped;
}
