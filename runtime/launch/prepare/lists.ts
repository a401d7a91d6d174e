/**
 * Turns lists of key positions (or of offsets q - k, moved by \`bias\` to start at 0) into rows of bits,
 * which were cleared before. Entries outside the row are padding. One thread for each entry.
 */
export const PREPARE_LISTS_WGSL = /* wgsl */ `
struct Params { count: u32, listLength: u32, base: u32, rowStride: u32, columns: i32, bias: i32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> entries: array<i32>;
@group(0) @binding(2) var<storage, read_write> aux: array<atomic<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i < params.count) {
    let column = entries[i] + params.bias;
    if (column >= 0 && column < params.columns) {
      let word = params.base + i / params.listLength * params.rowStride + (u32(column) >> 5u);
      atomicOr(&aux[word], 1u << (u32(column) & 31u));
    }
  }
}
`;
