/** Copies packed words. A pass, not a buffer copy: the caller's buffer needs STORAGE usage only. One thread for each word. */
export const PREPARE_WORDS_WGSL = /* wgsl */ `
struct Params { count: u32, base: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> words: array<u32>;
@group(0) @binding(2) var<storage, read_write> aux: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i < params.count) {
    aux[params.base + i] = words[i];
  }
}
`;
