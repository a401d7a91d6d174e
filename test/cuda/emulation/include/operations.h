/** What the library does for emulated kernels; kernels call it by the names of primitives.h. */
#pragma once
#include "types.h"

struct f16 { unsigned short bits; };
struct bf16 { unsigned short bits; };
struct alignas(64) TensorMap { unsigned long long words[16]; };

namespace emulation {
enum class Format { f16, bf16 };
template <class T> struct FormatOf;
template <> struct FormatOf<f16> { static constexpr Format value = Format::f16; };
template <> struct FormatOf<bf16> { static constexpr Format value = Format::bf16; };

float half_to_float(unsigned short bits);
unsigned short half_from_float(float x);
unsigned short bfloat_from_float(float x);

void trap();
void block_barrier();
void warp_barrier();
unsigned int shuffle_word(unsigned int word, int lane);
unsigned int shuffle_word_xor(unsigned int word, int distance);
unsigned int lanes_with(bool x);
void group_barrier(int id, int threads, bool waits);

void copy_async_16(void* shared, const void* global, bool exists);
void copies_commit();
void copies_wait(int pending);
void load_matrix_x4(unsigned int* r, const void* shared_row, bool transposed);
void store_matrix_x4(void* shared_row, const unsigned int* r);
void multiply_16x8x16(Format format, float* c, const unsigned int* a, unsigned int b0, unsigned int b1);

void barrier_init(unsigned long long* barrier, int arrivals);
void barrier_fence_init();
void barrier_expect(unsigned long long* barrier, int bytes);
void barrier_arrive(unsigned long long* barrier);
void barrier_wait(unsigned long long* barrier, int parity);
void copy_tensor(void* shared, const TensorMap* map, unsigned long long* barrier, int dimensions, const int* start);
void copy_tensor_store(const TensorMap* map, const void* shared, int dimensions, const int* start);
void tensor_map_prefetch(const TensorMap* map);
void bulk_commit();
void bulk_wait_read(int pending);
void shared_fence_async();

void registers(const char* operation, int count);
void wgmma_fence();
void wgmma_commit();
void wgmma_wait(int pending);
unsigned int shared_address(const void* shared);
/** a in registers where it is not null, else as the descriptor says. */
void wgmma(Format format, int width, bool b_transposed, float* d, const unsigned int* a, unsigned long long a_descriptor,
           unsigned long long b_descriptor, bool accumulate);
}  // namespace emulation
