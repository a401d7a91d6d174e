/**
 * Copies the ids of one input and writes the least and the greatest id of each 32 tokens beside them,
 * from which a kernel tells whole tiles of documents apart. Ids are held within two bounds. One thread for each 32 tokens.
 */
export const PREPARE_IDS_WGSL = /* wgsl */ `
struct Params { count: u32, tiles: u32, length: u32, base: u32, summary: u32, low: i32, high: i32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read_write> aux: array<i32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i < params.count) {
    let row = i / params.tiles * params.length;
    let first = i % params.tiles * 32u;
    var least = clamp(ids[row + first], params.low, params.high);
    var greatest = least;
    for (var t = first; t < min(first + 32u, params.length); t++) {
      let value = clamp(ids[row + t], params.low, params.high);
      aux[params.base + row + t] = value;
      least = min(least, value);
      greatest = max(greatest, value);
    }
    aux[params.summary + 2u * i] = least;
    aux[params.summary + 2u * i + 1u] = greatest;
  }
}
`;
