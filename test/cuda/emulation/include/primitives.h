/**
 * Stand-ins for compiler/targets/cuda/primitives: the same functions by their meaning in the PTX ISA. What they do is
 * in the library (warp.cpp, barriers.cpp, copies.cpp, mbarriers.cpp, tensor-copies.cpp, wgmma.cpp).
 */
#pragma once
#include "device.h"

#include "operations.h"

inline float to_float(float x) { return x; }
inline float to_float(f16 x) { return emulation::half_to_float(x.bits); }
inline float to_float(bf16 x) { return __uint_as_float((unsigned int)x.bits << 16); }
template <class T> inline T from_float(float x);
template <> inline float from_float<float>(float x) { return x; }
template <> inline f16 from_float<f16>(float x) { return {emulation::half_from_float(x)}; }
template <> inline bf16 from_float<bf16>(float x) { return {emulation::bfloat_from_float(x)}; }
template <class T> inline unsigned int pack_pair(float low, float high) {
  return (unsigned int)from_float<T>(low).bits | (unsigned int)from_float<T>(high).bits << 16;
}
template <class T> inline void unpack_pair(unsigned int pair, float& low, float& high) {
  low = to_float(T{(unsigned short)pair});
  high = to_float(T{(unsigned short)(pair >> 16)});
}
/** Results under 2^-126 are 0, as on the device. */
inline float exp2_fast(float x) { return x < -126.0f ? 0.0f : exp2f(x); }
inline float log2_fast(float x) { return log2f(x); }

inline float shuffle_xor(float x, int distance) { return __uint_as_float(emulation::shuffle_word_xor(__float_as_uint(x), distance)); }
inline int shuffle(int x, int lane) { return (int)emulation::shuffle_word((unsigned int)x, lane); }
inline unsigned int lanes_with(bool x) { return emulation::lanes_with(x); }
inline void block_barrier() { emulation::block_barrier(); }
inline void group_barrier(int id, int threads) { emulation::group_barrier(id, threads, true); }
inline void group_arrive(int id, int threads) { emulation::group_barrier(id, threads, false); }
inline void warp_barrier() { emulation::warp_barrier(); }
inline void compute_anew(int&) {}

inline unsigned int shared_address(const void* shared) { return emulation::shared_address(shared); }
inline void copy_async_16(void* shared, const void* global, bool exists) { emulation::copy_async_16(shared, global, exists); }
inline void copies_commit() { emulation::copies_commit(); }
template <int N> inline void copies_wait() { emulation::copies_wait(N); }
inline void load_matrix_x4(unsigned int (&r)[4], const void* shared_row) { emulation::load_matrix_x4(r, shared_row, false); }
inline void load_matrix_x4_transposed(unsigned int (&r)[4], const void* shared_row) { emulation::load_matrix_x4(r, shared_row, true); }
template <class T> inline void multiply_16x8x16(float (&c)[4], const unsigned int (&a)[4], unsigned int b0, unsigned int b1) {
  emulation::multiply_16x8x16(emulation::FormatOf<T>::value, c, a, b0, b1);
}

inline void barrier_init(unsigned long long* barrier, int arrivals) { emulation::barrier_init(barrier, arrivals); }
inline void barrier_fence_init() { emulation::barrier_fence_init(); }
inline void barrier_expect(unsigned long long* barrier, int bytes) { emulation::barrier_expect(barrier, bytes); }
inline void barrier_arrive(unsigned long long* barrier) { emulation::barrier_arrive(barrier); }
inline void barrier_wait(unsigned long long* barrier, int parity) { emulation::barrier_wait(barrier, parity); }
inline void tensor_map_prefetch(const TensorMap* map) { emulation::tensor_map_prefetch(map); }
inline void copy_tensor_4d(void* shared, const TensorMap* map, unsigned long long* barrier, int x0, int x1, int x2, int x3) {
  const int start[4] = {x0, x1, x2, x3};
  emulation::copy_tensor(shared, map, barrier, 4, start);
}
inline void copy_tensor_store_4d(const TensorMap* map, const void* shared, int x0, int x1, int x2, int x3) {
  const int start[4] = {x0, x1, x2, x3};
  emulation::copy_tensor_store(map, shared, 4, start);
}
inline void bulk_commit() { emulation::bulk_commit(); }
template <int N> inline void bulk_wait_read() { emulation::bulk_wait_read(N); }
inline void shared_fence_async() { emulation::shared_fence_async(); }
inline void store_matrix_x4(void* shared_row, const unsigned int (&r)[4]) { emulation::store_matrix_x4(shared_row, r); }

template <int N> inline void registers_decrease() { emulation::registers("registers_decrease", N); }
template <int N> inline void registers_increase() { emulation::registers("registers_increase", N); }
inline void wgmma_fence() { emulation::wgmma_fence(); }
inline void wgmma_commit() { emulation::wgmma_commit(); }
template <int N> inline void wgmma_wait() { emulation::wgmma_wait(N); }
inline void registers_hold(float& x) { asm volatile("" : "+m"(x) : : "memory"); }
inline unsigned long long wgmma_descriptor(const void* shared, int leading_bytes, int stride_bytes, int swizzle) {
  const unsigned long long mode = swizzle == 128 ? 1 : swizzle == 64 ? 2 : swizzle == 32 ? 3 : 0;
  return (unsigned long long)(shared_address(shared) >> 4) | (unsigned long long)(leading_bytes >> 4) << 16 |
         (unsigned long long)(stride_bytes >> 4) << 32 | mode << 62;
}
inline unsigned long long wgmma_advance(unsigned long long descriptor, int bytes) { return descriptor + (unsigned long long)(bytes >> 4); }
template <class T, int N, bool B_TRANSPOSED>
inline void wgmma_shared(float (&d)[N / 2], unsigned long long a, unsigned long long b, bool accumulate) {
  emulation::wgmma(emulation::FormatOf<T>::value, N, B_TRANSPOSED, d, nullptr, a, b, accumulate);
}
template <class T, int N, bool B_TRANSPOSED>
inline void wgmma_registers(float (&d)[N / 2], const unsigned int (&a)[4], unsigned long long b, bool accumulate) {
  emulation::wgmma(emulation::FormatOf<T>::value, N, B_TRANSPOSED, d, a, 0, b, accumulate);
}
