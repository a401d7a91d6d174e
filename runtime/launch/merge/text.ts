/** Threads of a workgroup; each makes a word of the output. */
export const MERGE_THREADS = 64;

/** How the kernel sees a word of an output: as one or two numbers. */
const WORDS = {
  f32: { type: "f32", load: (word: string) => `bitcast<f32>(${word})`, store: (value: string) => `bitcast<u32>(${value})` },
  f16: { type: "vec2<f32>", load: (word: string) => `unpack2x16float(${word})`, store: (value: string) => `pack2x16float(${value})` },
} as const;

/** The kernel of a merge of two parts; `mergeAttention` says what it computes. Outputs are read and written by words. */
export function mergeText(dtype: "f32" | "f16"): string {
  const { type, load, store } = WORDS[dtype];
  return `// Merges two parts of an attention whose keys are disjoint.
struct Uniforms {
  rows: i32,
  // Words of a row of the outputs.
  words: i32,
}

@group(0) @binding(0) var<uniform> u: Uniforms;
@group(0) @binding(1) var<storage, read> a_out: array<u32>;
@group(0) @binding(2) var<storage, read> a_lse: array<f32>;
@group(0) @binding(3) var<storage, read> b_out: array<u32>;
@group(0) @binding(4) var<storage, read> b_lse: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<u32>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;

// An lse below this is minus infinity: that of a part without keys. No comparison with an infinity is relied on.
const NONE = f32(-3e38);

@compute @workgroup_size(${MERGE_THREADS})
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = i32((workgroup.y * workgroups.x + workgroup.x) * ${MERGE_THREADS} + lane);
  if (i >= u.rows * u.words) {
    return;
  }
  let row = i / u.words;
  let la = max(a_lse[row], NONE);
  let lb = max(b_lse[row], NONE);
  let most = max(la, lb);
  let wa = select(0.0, exp(la - most), la > NONE);
  let wb = select(0.0, exp(lb - most), lb > NONE);
  let sum = wa + wb;
  var merged = ${type}(0.0);
  if (wa > 0.0) {
    merged += wa * ${load("a_out[i]")};
  }
  if (wb > 0.0) {
    merged += wb * ${load("b_out[i]")};
  }
  if (sum > 0.0) {
    merged = merged / sum;
  }
  out[i] = ${store("merged")};
  if (i == row * u.words) {
    // Minus infinity has no literal.
    var minus_infinity = 0xff800000u;
    lse[row] = select(bitcast<f32>(minus_infinity), most + log(sum), sum > 0.0);
  }
}
`;
}
