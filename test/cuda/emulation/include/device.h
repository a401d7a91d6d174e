/**
 * What a compiler for GPUs brings along and g++ does not: keywords, vector types, the place of a thread, arithmetic
 * and atomic functions. Kept small: every emulated kernel reads it.
 */
#pragma once

#define __CUDACC__ 13
#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(bytes) __attribute__((aligned(bytes)))
#ifndef __restrict__
#define __restrict__ __restrict
#endif

#include "types.h"

extern "C" {
float exp2f(float) noexcept;
float expf(float) noexcept;
float log2f(float) noexcept;
float logf(float) noexcept;
float powf(float, float) noexcept;
float sqrtf(float) noexcept;
float tanhf(float) noexcept;
float sinf(float) noexcept;
float cosf(float) noexcept;
float fabsf(float) noexcept;
float rintf(float) noexcept;
float floorf(float) noexcept;
float ceilf(float) noexcept;
float fmaf(float, float, float) noexcept;
float fmaxf(float, float) noexcept;
float fminf(float, float) noexcept;
int abs(int) noexcept;
}
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
#ifdef EMULATION_LAUNCHER
// Launchers read this header, which has these too.
#include <math.h>
#else
inline bool isinf(float x) { return __builtin_isinf(x); }
inline bool isnan(float x) { return __builtin_isnan(x); }
#endif
inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }

#define EMULATION_MIN_MAX(T)                                  \
  inline constexpr T min(T a, T b) { return b < a ? b : a; }  \
  inline constexpr T max(T a, T b) { return a < b ? b : a; }
EMULATION_MIN_MAX(int)
EMULATION_MIN_MAX(unsigned int)
EMULATION_MIN_MAX(long long)
EMULATION_MIN_MAX(unsigned long long)
#undef EMULATION_MIN_MAX
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
/** As the GPU's: of an unsigned and a signed number, both as unsigned. */
inline constexpr unsigned int min(unsigned int a, int b) { return min(a, (unsigned int)b); }
inline constexpr unsigned int min(int a, unsigned int b) { return min((unsigned int)a, b); }
inline constexpr unsigned int max(unsigned int a, int b) { return max(a, (unsigned int)b); }
inline constexpr unsigned int max(int a, unsigned int b) { return max((unsigned int)a, b); }

inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz((unsigned int)x); }
inline int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll((unsigned long long)x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __popc(unsigned int x) { return __builtin_popcount(x); }
inline unsigned int __umulhi(unsigned int a, unsigned int b) { return (unsigned int)((unsigned long long)a * b >> 32); }
inline int __mulhi(int a, int b) { return (int)((long long)a * b >> 32); }
inline unsigned int __brev(unsigned int x) {
  unsigned int result = 0;
  for (int i = 0; i < 32; i++) result |= (x >> i & 1u) << (31 - i);
  return result;
}
template <class To, class From> inline To emulation_bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "the same bits");
  To to;
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}
inline unsigned int __float_as_uint(float x) { return emulation_bits<unsigned int>(x); }
inline int __float_as_int(float x) { return emulation_bits<int>(x); }
inline float __uint_as_float(unsigned int x) { return emulation_bits<float>(x); }
inline float __int_as_float(int x) { return emulation_bits<float>(x); }
inline int __float2int_rn(float x) { return (int)__builtin_rintf(x); }
inline int __float2int_rd(float x) { return (int)floorf(x); }
inline float __int2float_rn(int x) { return (float)x; }
template <class T> inline T __ldg(const T* p) { return *p; }

/** One thread runs at a time, so that nothing comes between these reads and writes. They race with nothing. */
#define EMULATION_ATOMIC __attribute__((no_sanitize("thread"), noinline))
template <class T> EMULATION_ATOMIC T atomicAdd(T* p, T x) { T old = *p; *p = old + x; return old; }
template <class T> EMULATION_ATOMIC T atomicMax(T* p, T x) { T old = *p; *p = old < x ? x : old; return old; }
template <class T> EMULATION_ATOMIC T atomicMin(T* p, T x) { T old = *p; *p = x < old ? x : old; return old; }
template <class T> EMULATION_ATOMIC T atomicOr(T* p, T x) { T old = *p; *p = old | x; return old; }
template <class T> EMULATION_ATOMIC T atomicAnd(T* p, T x) { T old = *p; *p = old & x; return old; }
template <class T> EMULATION_ATOMIC T atomicExch(T* p, T x) { T old = *p; *p = x; return old; }
template <class T> EMULATION_ATOMIC T atomicCAS(T* p, T expected, T x) { T old = *p; if (old == expected) *p = x; return old; }

namespace emulation {
void trap();
void block_barrier();
void warp_barrier();

/** Calls a kernel with the parameters that a launch points to. */
template <int... I> struct Indices {};
template <class A> inline A parameter(const void* from) {
  A value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}
template <class... A, int... I> inline void call_with(void (*kernel)(A...), void** parameters, Indices<I...>) {
  kernel(parameter<A>(parameters[I])...);
}
template <class... A> inline void call(void (*kernel)(A...), void** parameters) {
  call_with(kernel, parameters, Indices<__integer_pack(sizeof...(A))...>{});
}
}  // namespace emulation

inline void __trap() { emulation::trap(); }
inline void __syncthreads() { emulation::block_barrier(); }
inline void __syncwarp(unsigned int = 0xffffffffu) { emulation::warp_barrier(); }
inline void __threadfence() {}
inline void __threadfence_block() {}
