import { SCAN_WGSL } from "./scan.js";

/**
 * Turns rows of bits into lists: how many columns of a row are set, and behind that the columns, rising. One workgroup
 * for each row goes through its words, 256 at a time.
 */
export const PREPARE_KEY_LISTS_WGSL = /* wgsl */ `
struct Params { rows: u32, words: u32, base: u32, rowStride: u32, list: u32, listStride: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> aux: array<u32>;
${SCAN_WGSL}
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup.y * workgroups.x + workgroup.x;
  if (row >= params.rows) {
    return;
  }
  let list = params.list + row * params.listStride;
  var before = 0u;
  for (var first = 0u; first < params.words; first += 256u) {
    let i = first + lane;
    var bits = 0u;
    if (i < params.words) {
      bits = aux[params.base + row * params.rowStride + i];
    }
    let own = countOneBits(bits);
    scan(lane, own);
    var at = list + 1u + before + sums[lane] - own;
    while (bits != 0u) {
      aux[at] = i * 32u + firstTrailingBit(bits);
      at += 1u;
      bits &= bits - 1u;
    }
    before += sums[255];
    workgroupBarrier();
  }
  if (lane == 0u) {
    aux[list] = before;
  }
}
`;
