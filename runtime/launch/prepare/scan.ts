/**
 * The sums of the 256 threads' numbers up to each of them, in `sums`; all threads take part. A thread's own number is in its
 * sum; `sums` may be written again behind a barrier.
 */
export const SCAN_WGSL = /* wgsl */ `
var<workgroup> sums: array<u32, 256>;

fn scan(lane: u32, own: u32) {
  sums[lane] = own;
  for (var distance = 1u; distance < 256u; distance *= 2u) {
    workgroupBarrier();
    var left = 0u;
    if (lane >= distance) {
      left = sums[lane - distance];
    }
    workgroupBarrier();
    sums[lane] += left;
  }
  workgroupBarrier();
}
`;
