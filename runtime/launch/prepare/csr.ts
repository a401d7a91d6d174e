/**
 * Turns lists of key blocks into rows of bits, which were cleared before. Offsets are positions in the
 * whole of \`indices\`; what is out of range is ignored. One thread for each row, which owns its words.
 */
export const PREPARE_CSR_WGSL = /* wgsl */ `
struct Params { count: u32, rows: u32, indexCount: i32, base: u32, rowStride: u32, columns: i32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> offsets: array<i32>;
@group(0) @binding(2) var<storage, read_write> aux: array<u32>;
@group(0) @binding(3) var<storage, read> indices: array<i32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i < params.count) {
    let at = i + i / params.rows;
    let end = min(offsets[at + 1u], params.indexCount);
    for (var j = max(offsets[at], 0); j < end; j++) {
      let column = indices[j];
      if (column >= 0 && column < params.columns) {
        let word = params.base + i * params.rowStride + (u32(column) >> 5u);
        aux[word] |= 1u << (u32(column) & 31u);
      }
    }
  }
}
`;
