/**
 * Asynchronous copies to shared memory, matrix loads and products of a warp, from sm_80 on. An older architecture
 * compiles them to a trap: kernels that call them are not printed for it.
 *
 * A fragment is what one lane l of the warp holds of a matrix, in pairs of neighbouring elements (PTX ISA,
 * "Matrix Fragments for mma.m16n8k16"), with r = l / 4 and c = 2 (l % 4):
 *   a (16 rows, 16 columns): a[0] = (r, c), a[1] = (r + 8, c), a[2] = (r, c + 8), a[3] = (r + 8, c + 8)
 *   b (16 rows, 8 columns), pairs down a column: b0 = (c, r), b1 = (c + 8, r)
 *   c (16 rows, 8 columns), single numbers: c[0] = (r, c), c[1] = (r, c + 1), c[2] = (r + 8, c), c[3] = (r + 8, c + 1)
 */
export const sm80Primitives = `\
/** Where a pointer into shared memory points, for instructions. */
__device__ __forceinline__ unsigned int shared_address(const void* shared) { return (unsigned int)__cvta_generic_to_shared(shared); }

/**
 * Starts to copy 16 bytes from global to shared memory, both addresses multiples of 16; zeros where the source does
 * not exist, which is not read then. Done after copies_commit and copies_wait of the same thread.
 */
__device__ __forceinline__ void copy_async_16(void* shared, const void* global, bool exists) {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" : : "r"(shared_address(shared)), "l"(global), "r"(exists ? 16 : 0) : "memory");
#else
  __trap();
#endif
}
/** The copies that the thread has started since its last commit become a group. */
__device__ __forceinline__ void copies_commit() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" : : : "memory");
#else
  __trap();
#endif
}
/** Waits until at most the N latest groups of the thread are under way. Others see the copies after a barrier. */
template <int N> __device__ __forceinline__ void copies_wait() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" : : "n"(N) : "memory");
#else
  __trap();
#endif
}

/**
 * Loads four matrices of 8 rows of 8 half-words. Lane 8 i + j gives the address of row j of matrix i, a multiple of
 * 16; r[i] becomes the pair of columns 2 (l % 4) of row l / 4 of matrix i.
 */
__device__ __forceinline__ void load_matrix_x4(unsigned int (&r)[4], const void* shared_row) {
#if __CUDA_ARCH__ >= 750
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(shared_row)) : "memory");
#else
  __trap();
#endif
}
/** The same, of the transposed matrices: r[i] becomes the pair of rows 2 (l % 4) of column l / 4 of matrix i. */
__device__ __forceinline__ void load_matrix_x4_transposed(unsigned int (&r)[4], const void* shared_row) {
#if __CUDA_ARCH__ >= 750
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(shared_row)) : "memory");
#else
  __trap();
#endif
}

/** c += a b for matrices [16, 16] and [16, 8] that the warp holds in fragments, added up in float32. */
template <class T> __device__ __forceinline__ void multiply_16x8x16(float (&c)[4], const unsigned int (&a)[4], unsigned int b0, unsigned int b1);
template <> __device__ __forceinline__ void multiply_16x8x16<f16>(float (&c)[4], const unsigned int (&a)[4], unsigned int b0, unsigned int b1) {
#if __CUDA_ARCH__ >= 800
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  __trap();
#endif
}
template <> __device__ __forceinline__ void multiply_16x8x16<bf16>(float (&c)[4], const unsigned int (&a)[4], unsigned int b0, unsigned int b1) {
#if __CUDA_ARCH__ >= 800
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  __trap();
#endif
}
`;
