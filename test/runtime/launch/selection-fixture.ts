import type { AttentionModule, SelectionSpec, SizeEnv, UniformField } from "../../../runtime/launch/module.js";
import { denseModule, variant } from "./fixture.js";

/** Tokens of a unit of both selections. */
export const UNIT = 4;

const firstUnit = (env: { N: number; NQ: number }): number => Math.floor((env.N - env.NQ) / UNIT);
export const unitsOf = (tokens: number): number => Math.ceil(tokens / UNIT);
export const rowsOf = (env: { N: number; NQ: number }): number => unitsOf(env.N) - firstUnit(env);

const field = (name: string, source: UniformField["source"]): UniformField => ({ name, type: "i32", source });
const shape = (name: "batch" | "heads" | "kvHeads" | "NQ" | "N" | "offset" | "tiles"): UniformField => field(name, { kind: "shape", name });
const matrix = (input: string): UniformField[] =>
  (["base", "batchStride", "headCount", "headStride", "rowStride", "rows", "columns"] as const).map((each) =>
    field(`${input}_${each}`, { kind: "input", input, field: each }),
  );

const struct = (fields: readonly UniformField[]): string =>
  `struct Uniforms { ${fields.map(({ name, type }) => `${name}: ${type}`).join(", ")} }\n@group(0) @binding(0) var<uniform> u: Uniforms;`;

const STAGE_UNIFORMS: readonly UniformField[] = [
  ...(["batch", "heads", "kvHeads", "NQ", "N", "offset"] as const).map(shape),
  ...matrix("odd"),
  ...matrix("high"),
  ...(["batchStride", "headStride", "headCount"] as const).map((each) =>
    field(`gate_${each}`, { kind: "floatInput", input: "gate", field: each }),
  ),
  field("sums", { kind: "size", index: 4 }),
  field("parity", { kind: "param", name: "parity" }),
  { name: "scale", type: "f32", source: { kind: "plainScale" } },
  field("scalars", { kind: "scalars" }),
];

/** A thread for each row of a matrix, which owns its words. */
const stage = (floats: string, threads: string, body: string): string => /* wgsl */ `
${struct(STAGE_UNIFORMS)}
@group(0) @binding(3) var<storage, read_write> aux: array<u32>;
@group(0) @binding(4) var<storage, read_write> scratch: array<f32>;
${floats}
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = i32(group.y * groups.x + group.x);
  if (i >= ${threads}) { return; }
  ${body}
}
`;

const GATE = "@group(0) @binding(5) var<storage, read> gate: array<f32>;";
const HIGH_ROW = /* wgsl */ `
  let row = i % u.high_rows;
  let h = i / u.high_rows % u.heads;
  let b = i / (u.high_rows * u.heads);
  let at = b * u.gate_batchStride + h * u.gate_headCount / u.heads * u.gate_headStride + row * u.high_columns;
`;

/** Every other unit of each kv head, by the parity of unit, head and batch entry and a parameter. */
const ODD = stage(
  "",
  "u.batch * u.kvHeads",
  /* wgsl */ `
  let g = i % u.kvHeads;
  let b = i / u.kvHeads;
  for (var w = 0; w < u.odd_rowStride; w++) {
    var bits = 0u;
    for (var c = w * 32; c < min(w * 32 + 32, u.odd_columns); c++) {
      bits |= u32((c + g + b + u.parity) % 2) << u32(c & 31);
    }
    aux[u.odd_base + b * u.odd_batchStride + g * u.odd_headStride + w] = bits;
  }`,
);

const SUMS = stage(
  GATE,
  "u.batch * u.heads * u.high_rows",
  /* wgsl */ `${HIGH_ROW}
  var sum = 0.0;
  for (var c = 0; c < u.high_columns; c++) { sum += gate[at + c]; }
  scratch[i] = sum;`,
);

/** Units whose gate is above the mean of the row by the number of the head. */
const HIGH = stage(
  GATE,
  "u.batch * u.heads * u.high_rows",
  /* wgsl */ `${HIGH_ROW}
  let above = scratch[i] / f32(u.high_columns) + bitcast<f32>(aux[u.scalars + h]);
  for (var w = 0; w < u.high_rowStride; w++) {
    var bits = 0u;
    for (var c = w * 32; c < min(w * 32 + 32, u.high_columns); c++) {
      bits |= select(0u, 1u, gate[at + c] > above) << u32(c & 31);
    }
    aux[u.high_base + b * u.high_batchStride + h * u.high_headStride + row * u.high_rowStride + w] = bits;
  }`,
);

const KERNEL_UNIFORMS: readonly UniformField[] = [
  ...(["batch", "heads", "kvHeads", "NQ", "N", "offset", "tiles"] as const).map(shape),
  { name: "scale", type: "f32", source: { kind: "scale" } },
  ...matrix("odd"),
  ...matrix("high"),
];

/** Causal attention over the pairs of both selections, one thread for each row. */
const KERNEL = /* wgsl */ `
${struct(KERNEL_UNIFORMS)}
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> k: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read> aux: array<u32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

fn bit(word: i32, column: i32) -> bool { return ((aux[word + column / 32] >> u32(column & 31)) & 1u) == 1u; }

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let id = i32(group.y * groups.x + group.x);
  let row = id % u.tiles * 32 + i32(lane);
  if (id >= u.tiles * u.heads * u.batch || row >= u.NQ) { return; }
  let bh = id / u.tiles;
  let b = bh / u.heads;
  let h = bh % u.heads;
  let g = h * u.kvHeads / u.heads;
  let kv = b * u.kvHeads + g;
  let position = u.offset + row;
  let odd = u.odd_base + b * u.odd_batchStride + h * u.odd_headCount / u.heads * u.odd_headStride;
  let high = u.high_base + b * u.high_batchStride + h * u.high_headStride + (position / ${UNIT} - u.offset / ${UNIT}) * u.high_rowStride;
  var sum = 0.0;
  var acc: array<f32, 4>;
  for (var j = 0; j <= position; j++) {
    if (!bit(odd, j / ${UNIT}) && !bit(high, j / ${UNIT})) { continue; }
    var s = 0.0;
    for (var d = 0; d < 8; d++) { s += q[(bh * u.NQ + row) * 8 + d] * k[(kv * u.N + j) * 8 + d]; }
    let p = exp2(s * u.scale);
    sum += p;
    for (var d = 0; d < 4; d++) { acc[d] += p * v[(kv * u.N + j) * 4 + d]; }
  }
  for (var d = 0; d < 4; d++) { out[(bh * u.NQ + row) * 4 + d] = select(0.0, acc[d] / sum, sum > 0.0); }
}
`;

export const SELECTION: SelectionSpec = {
  sizes: (env: SizeEnv) => {
    const rows = env.batch * env.heads * rowsOf(env);
    return [1, unitsOf(env.N), rowsOf(env), unitsOf(env.N), rows, env.batch * env.kvHeads];
  },
  matrices: [
    { name: "odd", heads: "kv", rows: 0, columns: 1, reusable: true },
    { name: "high", heads: "query", rows: 2, columns: 3, reusable: true },
  ],
  scratch: 4,
  parts: { heads: false },
  floatInputs: [{ kind: "scores", name: "gate", n: UNIT, m: UNIT }],
  stages: [
    { name: "odd units", wgsl: ODD, workgroups: 5, floatInputs: [], serves: ["odd"] },
    { name: "sums of gates", wgsl: SUMS, workgroups: 4, floatInputs: ["gate"], serves: ["high"] },
    { name: "high gates", wgsl: HIGH, workgroups: 4, floatInputs: ["gate"], serves: ["high"] },
  ],
  uniforms: STAGE_UNIFORMS,
};

/** What a head adds to the mean that its gates must be above. */
export const aboveMean = (head: number): number => head / 8;

/**
 * Attention over the keys of two selections: `odd` has one row for each kv head, `high` a row for each unit of queries and
 * query head, by the scores `gate`. Heads 4, kvHeads 2, headDim 8, valueDim 4; the parameter `parity` turns `odd` over.
 */
export function selectingModule(overrides: Partial<AttentionModule> = {}, selection: Partial<SelectionSpec> = {}): AttentionModule {
  return denseModule({
    name: "selecting",
    params: [{ name: "parity", default: 0, min: 0 }],
    scalars: { count: 1, floats: [0], evaluate: ({ h }) => [aboveMean(h)] },
    uniforms: KERNEL_UNIFORMS,
    selection: { ...SELECTION, ...selection },
    variants: [variant({ wgsl: KERNEL })],
    ...overrides,
  });
}

/** The sizes of a call as a reference needs them. */
export interface SelectingCall {
  readonly batch: number;
  readonly n: number;
  readonly nq: number;
  readonly parity: number;
}

const [HEADS, KV_HEADS] = [4, 2];

/** Whether a pair of units is selected, straight from the rules; `gate` has all heads and batch entries. */
export function selectedPairs(call: SelectingCall, gate: Float32Array) {
  const columns = unitsOf(call.n);
  const rows = rowsOf({ N: call.n, NQ: call.nq });
  const odd = (b: number, g: number, unit: number): boolean => (unit + g + b + call.parity) % 2 === 1;
  const high = (b: number, h: number, row: number, unit: number): boolean => {
    const at = ((b * HEADS + h) * rows + row) * columns;
    const sum = gate.subarray(at, at + columns).reduce((a, c) => a + c, 0);
    return gate[at + unit]! > sum / columns + aboveMean(h);
  };
  return { odd, high };
}

/** Attention over the pairs that `sees` allows, in float64. */
export function selectingReference(
  { q, k, v }: { q: Float32Array; k: Float32Array; v: Float32Array },
  { batch, n, nq }: SelectingCall,
  sees: (b: number, h: number, rowUnit: number, keyUnit: number) => boolean,
): Float64Array {
  const out = new Float64Array(batch * HEADS * nq * 4);
  for (let row = 0; row < batch * HEADS * nq; row++) {
    const [bh, query] = [Math.floor(row / nq), row % nq];
    const [b, h] = [Math.floor(bh / HEADS), bh % HEADS];
    const kv = b * KV_HEADS + Math.floor((h * KV_HEADS) / HEADS);
    const position = n - nq + query;
    const rowUnit = Math.floor(position / UNIT) - firstUnit({ N: n, NQ: nq });
    const weights: [key: number, weight: number][] = [];
    for (let j = 0; j <= position; j++) {
      if (!sees(b, h, rowUnit, Math.floor(j / UNIT))) continue;
      let s = 0;
      for (let d = 0; d < 8; d++) s += q[row * 8 + d]! * k[(kv * n + j) * 8 + d]!;
      weights.push([j, Math.exp(s / Math.sqrt(8))]);
    }
    const sum = weights.reduce((total, [, weight]) => total + weight, 0);
    for (const [j, weight] of weights) for (let d = 0; d < 4; d++) out[row * 4 + d]! += (weight / sum) * v[(kv * n + j) * 4 + d]!;
  }
  return out;
}
