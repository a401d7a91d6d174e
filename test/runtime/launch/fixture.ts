import type { AttentionModule, InputSpec, KernelVariant, UniformField } from "../../../runtime/launch/module.js";

/** Dense causal attention, one thread for each query row: slow and obvious. `window` is a runtime parameter. */
function denseWgsl(headDim: number, valueDim: number): string {
  return /* wgsl */ `
struct Uniforms { batch: i32, heads: i32, kvHeads: i32, NQ: i32, N: i32, offset: i32, tiles: i32, scale: f32, writeLse: i32, window: i32 }
@group(0) @binding(0) var<uniform> u: Uniforms;
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> k: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let id = i32(group.y * groups.x + group.x);
  if (id >= u.tiles * u.heads * u.batch) { return; }
  let row = id % u.tiles * 32 + i32(lane);
  if (row >= u.NQ) { return; }
  let bh = id / u.tiles;
  let kv = bh / u.heads * u.kvHeads + bh % u.heads * u.kvHeads / u.heads;
  let position = u.offset + row;
  var greatest = -3.0e38;
  var sum = 0.0;
  var acc: array<f32, ${valueDim}>;
  for (var j = max(0, position - u.window + 1); j <= position; j++) {
    var s = 0.0;
    for (var d = 0; d < ${headDim}; d++) {
      s += q[(bh * u.NQ + row) * ${headDim} + d] * k[(kv * u.N + j) * ${headDim} + d];
    }
    s *= u.scale;
    let next = max(greatest, s);
    let rescale = exp2(greatest - next);
    let p = exp2(s - next);
    greatest = next;
    sum = sum * rescale + p;
    for (var d = 0; d < ${valueDim}; d++) {
      acc[d] = acc[d] * rescale + p * v[(kv * u.N + j) * ${valueDim} + d];
    }
  }
  for (var d = 0; d < ${valueDim}; d++) {
    out[(bh * u.NQ + row) * ${valueDim} + d] = acc[d] / sum;
  }
  if (u.writeLse != 0) {
    lse[bh * u.NQ + row] = (greatest + log2(sum)) * 0.6931471805599453;
  }
}
`;
}

const SHAPE_NAMES = ["batch", "heads", "kvHeads", "NQ", "N", "offset", "tiles"] as const;

const DENSE_UNIFORMS: readonly UniformField[] = [
  ...SHAPE_NAMES.map((name): UniformField => ({ name, type: "i32", source: { kind: "shape", name } })),
  { name: "scale", type: "f32", source: { kind: "scale" } },
  { name: "writeLse", type: "i32", source: { kind: "writeLse" } },
  { name: "window", type: "i32", source: { kind: "param", name: "window" } },
];

/** A kernel that needs nothing special. */
export function variant(overrides: Partial<KernelVariant> = {}): KernelVariant {
  const headDim = overrides.headDim ?? 8;
  const valueDim = overrides.valueDim ?? 4;
  return {
    name: "f32-software",
    profile: "software",
    features: [],
    headDim,
    valueDim,
    tileQ: 32,
    tileK: 1,
    threads: 32,
    workgroupBytes: 0,
    wgsl: denseWgsl(headDim, valueDim),
    ...overrides,
  };
}

/** Windowed causal attention, with heads 4, kvHeads 2, headDim 8, valueDim 4 and the parameter `window`. */
export function denseModule(overrides: Partial<AttentionModule> = {}): AttentionModule {
  return {
    name: "dense",
    space: "self",
    dtype: "f32",
    length: { kind: "any", extents: [], extra: 0 },
    maxLength: 1_000_000,
    defaults: { heads: 4, kvHeads: 2, headDim: 8, valueDim: 4 },
    fixed: {},
    params: [{ name: "window", default: 1_000_000, min: 1 }],
    phases: [],
    uses: [],
    inputs: [],
    uniforms: DENSE_UNIFORMS,
    variants: [variant()],
    ...overrides,
  };
}

/**
 * A module whose kernel copies the first words of aux to out: shows what the launcher made of scalars
 * and inputs. The shape is that of {@link denseModule}; out has room for `batch * heads * NQ * 4` words.
 */
export function copyModule(inputs: readonly InputSpec[], overrides: Partial<AttentionModule> = {}): AttentionModule {
  const wgsl = /* wgsl */ `
@group(0) @binding(4) var<storage, read> aux: array<i32>;
@group(0) @binding(5) var<storage, read_write> out: array<i32>;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let id = (group.y * groups.x + group.x) * 32u + lane;
  for (var i = id * 4u; i < id * 4u + 4u && i < arrayLength(&out) && i < arrayLength(&aux); i++) {
    out[i] = aux[i];
  }
}
`;
  return denseModule({ name: "copy", params: [], uniforms: [], inputs, variants: [variant({ wgsl })], ...overrides });
}

/** The same attention in float64. */
export function denseReference(
  tensors: { q: Float32Array; k: Float32Array; v: Float32Array },
  call: {
    batch: number;
    heads: number;
    kvHeads: number;
    n: number;
    nq: number;
    headDim: number;
    valueDim: number;
    window: number;
    scale?: number;
  },
): { out: Float64Array; lse: Float64Array } {
  const { batch, heads, kvHeads, n, nq, headDim, valueDim, window } = call;
  const scale = call.scale ?? 1 / Math.sqrt(headDim);
  const out = new Float64Array(batch * heads * nq * valueDim);
  const lse = new Float64Array(batch * heads * nq);
  for (let bh = 0; bh < batch * heads; bh++) {
    const kv = Math.floor(bh / heads) * kvHeads + Math.floor(((bh % heads) * kvHeads) / heads);
    for (let row = 0; row < nq; row++) {
      const position = n - nq + row;
      const weights: [key: number, logit: number][] = [];
      for (let j = Math.max(0, position - window + 1); j <= position; j++) {
        let s = 0;
        for (let d = 0; d < headDim; d++) s += tensors.q[(bh * nq + row) * headDim + d]! * tensors.k[(kv * n + j) * headDim + d]!;
        weights.push([j, s * scale]);
      }
      const greatest = Math.max(...weights.map(([, s]) => s));
      const sum = weights.reduce((total, [, s]) => total + Math.exp(s - greatest), 0);
      lse[bh * nq + row] = greatest + Math.log(sum);
      for (const [j, s] of weights) {
        const p = Math.exp(s - greatest) / sum;
        for (let d = 0; d < valueDim; d++) out[(bh * nq + row) * valueDim + d]! += p * tensors.v[(kv * n + j) * valueDim + d]!;
      }
    }
  }
  return { out, lse };
}

/** Numbers between -1 and 1 that look random and are the same at each run. */
export function noise(length: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed >>> 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** The greatest difference between two arrays. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let greatest = a.length === b.length ? 0 : Infinity;
  for (let i = 0; i < a.length; i++) greatest = Math.max(greatest, Math.abs(a[i]! - b[i]!));
  return greatest;
}
