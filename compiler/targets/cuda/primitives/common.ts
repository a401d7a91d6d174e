/**
 * Number formats, approximations, shuffles and barriers: what every kernel needs, from sm_75 on.
 *
 * Conversions of pairs and of bf16 have their own instructions from sm_80 on only; before, they are made of
 * single conversions and of integer arithmetic with the same results.
 */
export const commonPrimitives = `\
/** IEEE binary16 and bfloat16, as their bits. */
struct f16 { unsigned short bits; };
struct bf16 { unsigned short bits; };

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(f16 x) {
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(x.bits));
  return result;
}
__device__ __forceinline__ float to_float(bf16 x) { return __uint_as_float((unsigned int)x.bits << 16); }

/** The nearest number of the format, ties to even. */
template <class T> __device__ __forceinline__ T from_float(float x);
template <> __device__ __forceinline__ float from_float<float>(float x) { return x; }
template <> __device__ __forceinline__ f16 from_float<f16>(float x) {
  f16 result;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
  return result;
}
template <> __device__ __forceinline__ bf16 from_float<bf16>(float x) {
  bf16 result;
#if __CUDA_ARCH__ >= 800
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
#else
  const unsigned int bits = __float_as_uint(x);
  result.bits = (unsigned short)(x != x ? 0x7fff : (bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
#endif
  return result;
}

/** Two numbers in one word, the low half first; each rounded to the nearest, ties to even. */
template <class T> __device__ __forceinline__ unsigned int pack_pair(float low, float high) {
  return (unsigned int)from_float<T>(low).bits | (unsigned int)from_float<T>(high).bits << 16;
}
#if __CUDA_ARCH__ >= 800
template <> __device__ __forceinline__ unsigned int pack_pair<f16>(float low, float high) {
  unsigned int result;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(high), "f"(low));
  return result;
}
template <> __device__ __forceinline__ unsigned int pack_pair<bf16>(float low, float high) {
  unsigned int result;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(high), "f"(low));
  return result;
}
#endif
template <class T> __device__ __forceinline__ void unpack_pair(unsigned int pair, float& low, float& high) {
  low = to_float(T{(unsigned short)pair});
  high = to_float(T{(unsigned short)(pair >> 16)});
}

/** 2^x with a relative error of at most 2^-22; results under 2^-126 are 0. */
__device__ __forceinline__ float exp2_fast(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}
/** log2 x with an absolute error of at most 2^-22 for x in (0.5, 2), a relative one of at most 2^-22 elsewhere. */
__device__ __forceinline__ float log2_fast(float x) {
  float result;
  asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

/** The value of the lane whose number differs in the bits of \`distance\`. All 32 lanes take part. */
__device__ __forceinline__ float shuffle_xor(float x, int distance) { return __shfl_xor_sync(0xffffffffu, x, distance); }
/** The value of a lane. All 32 lanes take part. */
__device__ __forceinline__ int shuffle(int x, int lane) { return __shfl_sync(0xffffffffu, x, lane); }
/** A bit for each lane: whether x holds there. All 32 lanes take part. */
__device__ __forceinline__ unsigned int lanes_with(bool x) { return __ballot_sync(0xffffffffu, x); }

/** All threads of the block meet; what they wrote to memory before is seen by all after. */
__device__ __forceinline__ void block_barrier() { __syncthreads(); }
/** \`threads\` threads (whole warps) meet at barrier \`id\`, 1 to 15: those that wait and those that only arrive. */
__device__ __forceinline__ void group_barrier(int id, int threads) {
  asm volatile("bar.sync %0, %1;" : : "r"(id), "r"(threads) : "memory");
}
/** Counts as one of the threads of a group_barrier, without waiting. */
__device__ __forceinline__ void group_arrive(int id, int threads) {
  asm volatile("bar.arrive %0, %1;" : : "r"(id), "r"(threads) : "memory");
}
/** The lanes of the warp meet; what they wrote to memory before is seen by all after. */
__device__ __forceinline__ void warp_barrier() { __syncwarp(); }
/** Keeps the compiler from computing ahead, and holding in registers, what follows from a value: it may have changed. */
__device__ __forceinline__ void compute_anew(int& x) { asm volatile("" : "+r"(x)); }
`;
