/** Sizes of one self-attention, batch 1, as many kv heads as heads. */
export interface Workload {
  readonly heads: number;
  readonly headDim: number;
  readonly length: number;
  /** Queries, the last ones of the sequence; as many as keys where it is left out. */
  readonly queries?: number | undefined;
  /** Noise alone, or with what long prompts have in it; see {@link withStructure}. */
  readonly structured?: boolean | undefined;
}

export const queriesOf = ({ length, queries = length }: Workload): number => queries;

/** q `[heads, queries, headDim]`, k and v `[heads, length, headDim]`: each `[heads, length, headDim]`. */
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

/**
 * Adds to noise what selections live on: neighbours attract one another (slow rotations with the position, as of rotary
 * embeddings), the first four keys attract every query, and so does one key in 512.
 */
function withStructure(values: Float32Array, rows: number, headDim: number, firstPosition: number, which: "q" | "k"): void {
  const rotations = headDim / 8;
  for (let row = 0; row < values.length / headDim; row++) {
    const position = firstPosition + (row % rows);
    const at = row * headDim;
    for (let i = 0; i < rotations; i++) {
      const angle = position / 32 / 4 ** i;
      values[at + 2 * i]! += 2 * Math.cos(angle);
      values[at + 2 * i + 1]! += 2 * Math.sin(angle);
    }
    const heavy = position < 4 || position % 512 === 77;
    values[at + headDim - 1]! += which === "q" ? 4 : heavy ? 12 : 0;
  }
}

const made = new Map<string, Tensors>();

/** The tensors of a workload: every contestant of a measurement computes on the same ones. */
export function tensorsOf(workload: Workload): Tensors {
  const { heads, headDim, length, structured = false } = workload;
  const queries = queriesOf(workload);
  const key = [heads, headDim, length, queries, structured].join();
  let known = made.get(key);
  if (known === undefined) {
    const count = heads * length * headDim;
    known = { q: normals(heads * queries * headDim, 1), k: normals(count, 2), v: normals(count, 3) };
    if (structured) {
      withStructure(known.q, queries, headDim, length - queries, "q");
      withStructure(known.k, length, headDim, 0, "k");
    }
  }
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
