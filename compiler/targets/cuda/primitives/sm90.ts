import { wgmmaProducts, wgmmaWidths } from "./wgmma.js";

/** Barriers in shared memory that count arrivals and bytes, and bulk tensor copies: from sm_90 on. */
const copies = `\
/** Descriptor of a tensor in global memory, made by cuTensorMapEncodeTiled. A __grid_constant__ parameter. */
struct alignas(64) TensorMap { unsigned long long words[16]; };

/** A barrier whose phases end when \`arrivals\` threads have arrived and all expected bytes have come. By one thread. */
__device__ __forceinline__ void barrier_init(unsigned long long* barrier, int arrivals) {
#if __CUDA_ARCH__ >= 900
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" : : "r"(shared_address(barrier)), "r"(arrivals) : "memory");
#else
  __trap();
#endif
}
/** After barrier_init, by the same thread, before a block_barrier: copies see the barriers too. */
__device__ __forceinline__ void barrier_fence_init() {
#if __CUDA_ARCH__ >= 900
  asm volatile("fence.mbarrier_init.release.cluster; fence.proxy.async.shared::cta;" : : : "memory");
#else
  __trap();
#endif
}
/** Arrives, and has the phase wait for \`bytes\` bytes of copies. */
__device__ __forceinline__ void barrier_expect(unsigned long long* barrier, int bytes) {
#if __CUDA_ARCH__ >= 900
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" : : "r"(shared_address(barrier)), "r"(bytes) : "memory");
#else
  __trap();
#endif
}
/** Arrives: one of the threads that the phase waits for. */
__device__ __forceinline__ void barrier_arrive(unsigned long long* barrier) {
#if __CUDA_ARCH__ >= 900
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" : : "r"(shared_address(barrier)) : "memory");
#else
  __trap();
#endif
}
/**
 * Waits for the end of the phase of this parity: 0 for the first, 1 for the second, 0 for the third. With the parity
 * of the phase before the present one it returns at once: 1 on a fresh barrier.
 */
__device__ __forceinline__ void barrier_wait(unsigned long long* barrier, int parity) {
#if __CUDA_ARCH__ >= 900
  unsigned int done;
  do {
    asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
                 : "=r"(done) : "r"(shared_address(barrier)), "r"(parity) : "memory");
  } while (!done);
#else
  __trap();
#endif
}

/** Fetches a descriptor before its first use. */
__device__ __forceinline__ void tensor_map_prefetch(const TensorMap* map) {
#if __CUDA_ARCH__ >= 900
  asm volatile("prefetch.tensormap [%0];" : : "l"(map) : "memory");
#else
  __trap();
#endif
}
/**
 * Starts to copy the box of a tensor that begins at (x0, x1, x2, x3), x0 in the innermost dimension, to shared memory
 * (a multiple of 128; of 1024 for the 128-byte swizzle, of 512 and 256 for the narrower ones); zeros outside the
 * tensor. Its bytes count for the barrier's phase, those outside too. By one thread.
 */
__device__ __forceinline__ void copy_tensor_4d(void* shared, const TensorMap* map, unsigned long long* barrier, int x0, int x1, int x2, int x3) {
#if __CUDA_ARCH__ >= 900
  asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2];"
               : : "r"(shared_address(shared)), "l"(map), "r"(shared_address(barrier)), "r"(x0), "r"(x1), "r"(x2), "r"(x3) : "memory");
#else
  __trap();
#endif
}
/** Starts to copy a box from shared to global memory; what lies outside the tensor is left out. By one thread. */
__device__ __forceinline__ void copy_tensor_store_4d(const TensorMap* map, const void* shared, int x0, int x1, int x2, int x3) {
#if __CUDA_ARCH__ >= 900
  asm volatile("cp.async.bulk.tensor.4d.global.shared::cta.bulk_group [%0, {%2, %3, %4, %5}], [%1];"
               : : "l"(map), "r"(shared_address(shared)), "r"(x0), "r"(x1), "r"(x2), "r"(x3) : "memory");
#else
  __trap();
#endif
}
/** The copies to global memory that the thread has started since its last commit become a group. */
__device__ __forceinline__ void bulk_commit() {
#if __CUDA_ARCH__ >= 900
  asm volatile("cp.async.bulk.commit_group;" : : : "memory");
#else
  __trap();
#endif
}
/** Waits until all but the N latest groups of the thread have read their shared memory, which may be written then. */
template <int N> __device__ __forceinline__ void bulk_wait_read() {
#if __CUDA_ARCH__ >= 900
  asm volatile("cp.async.bulk.wait_group.read %0;" : : "n"(N) : "memory");
#else
  __trap();
#endif
}
/**
 * What this thread has written to shared memory by ordinary stores is seen by copies and products that start after
 * it. By each writer, before the barrier that leads to the reader.
 */
__device__ __forceinline__ void shared_fence_async() {
#if __CUDA_ARCH__ >= 900
  asm volatile("fence.proxy.async.shared::cta;" : : : "memory");
#else
  __trap();
#endif
}
/**
 * Stores four matrices of 8 rows of 8 half-words, the reverse of load_matrix_x4: lane 8 i + j gives the address of
 * row j of matrix i, and r[i] is the pair of columns 2 (l % 4) of row l / 4 of matrix i.
 */
__device__ __forceinline__ void store_matrix_x4(void* shared_row, const unsigned int (&r)[4]) {
#if __CUDA_ARCH__ >= 900
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};"
               : : "r"(shared_address(shared_row)), "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3]) : "memory");
#else
  __trap();
#endif
}
`;

/** Matrix products of warpgroups, four warps from a multiple of four on: sm_90a and nothing later. */
const warpgroups = `\
/** Gives registers back, or takes them, until each thread of the warpgroup has N: a multiple of 8, 24 to 256. */
template <int N> __device__ __forceinline__ void registers_decrease() {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" : : "n"(N));
#else
  __trap();
#endif
}
template <int N> __device__ __forceinline__ void registers_increase() {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" : : "n"(N));
#else
  __trap();
#endif
}

/** Before the first product, and between any other use of its registers and a product. */
__device__ __forceinline__ void wgmma_fence() {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  asm volatile("wgmma.fence.sync.aligned;" : : : "memory");
#else
  __trap();
#endif
}
/** The products that the warpgroup has started since its last commit become a group. */
__device__ __forceinline__ void wgmma_commit() {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  asm volatile("wgmma.commit_group.sync.aligned;" : : : "memory");
#else
  __trap();
#endif
}
/** Waits until at most the N latest groups are under way. */
template <int N> __device__ __forceinline__ void wgmma_wait() {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  asm volatile("wgmma.wait_group.sync.aligned %0;" : : "n"(N) : "memory");
#else
  __trap();
#endif
}
/** Uses of the register stay on their side of this line. */
__device__ __forceinline__ void registers_hold(float& x) { asm volatile("" : "+f"(x) : : "memory"); }

/**
 * Describes a matrix of half-words in shared memory. It is made of core matrices: 8 lines of 16 bytes along the
 * direction in which elements are neighbours. \`swizzle\` is 0, 32, 64 or 128, in bytes as in the tensor map: lines of
 * that many bytes, eight of them one after another, in which the place of 16 bytes is crossed with the line's number.
 * Neighbours along the sum (b not transposed): \`stride_bytes\` from eight lines to the next eight; \`leading_bytes\` from
 * one core matrix to the next along the sum, without swizzle only. Neighbours across it (B_TRANSPOSED), with swizzle:
 * \`leading_bytes\` from one swizzled width of columns to the next, \`stride_bytes\` from eight rows to the next eight;
 * without: \`stride_bytes\` from eight columns to the next eight, \`leading_bytes\` from eight rows to the next.
 */
__device__ __forceinline__ unsigned long long wgmma_descriptor(const void* shared, int leading_bytes, int stride_bytes, int swizzle) {
  const unsigned long long mode = swizzle == 128 ? 1 : swizzle == 64 ? 2 : swizzle == 32 ? 3 : 0;
  return (unsigned long long)((shared_address(shared) & 0x3ffff) >> 4) | (unsigned long long)(leading_bytes >> 4) << 16 |
         (unsigned long long)(stride_bytes >> 4) << 32 | mode << 62;
}
/** The descriptor of a matrix some bytes further: 32 for the next 16 columns of a swizzled line. */
__device__ __forceinline__ unsigned long long wgmma_advance(unsigned long long descriptor, int bytes) {
  return descriptor + (unsigned long long)(bytes >> 4);
}
`;

/** All of sm_90, with products of the given widths. */
export function sm90Primitives(widths: readonly number[] = wgmmaWidths): string {
  return `${copies}\n${warpgroups}\n${wgmmaProducts(widths)}`;
}
