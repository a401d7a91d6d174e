/**
 * Copies rows of bits between a buffer of the caller and the aux buffer. The given rows may be shorter: the columns that
 * they lack, units that were not there yet, are set, or 0 where `clear` is not 0. Bits past the columns become 0. One thread
 * for each word written.
 */
export const COPY_BITS_WGSL = /* wgsl */ `
struct Params { count: u32, givenBase: u32, givenWords: u32, givenColumns: u32, base: u32, words: u32, columns: u32, clear: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> given: array<u32>;
@group(0) @binding(2) var<storage, read_write> written: array<u32>;

fn bitsBelow(end: u32, first: u32) -> u32 {
  if (end <= first) { return 0u; }
  return select((1u << ((end - first) & 31u)) - 1u, 0xffffffffu, end - first >= 32u);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i < params.count) {
    let word = i % params.words;
    var bits = 0u;
    if (word < params.givenWords) {
      bits = given[params.givenBase + i / params.words * params.givenWords + word];
    }
    let known = bitsBelow(params.givenColumns, word * 32u);
    let all = bitsBelow(params.columns, word * 32u);
    written[params.base + i] = (bits & known & all) | select(all & ~known, 0u, params.clear != 0u);
  }
}
`;

/** Threads in a workgroup of {@link COPY_BITS_WGSL}. */
export const COPY_BITS_THREADS = 64;
