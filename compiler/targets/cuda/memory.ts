/** Loads and stores of four neighbouring numbers, in float32 on the kernel's side. */
export const MEMORY = /* cpp */ `
__device__ __forceinline__ void load_four(const float* from, float (&x)[4]) {
  const float4 four = *reinterpret_cast<const float4*>(from);
  x[0] = four.x;
  x[1] = four.y;
  x[2] = four.z;
  x[3] = four.w;
}

template <class T>
__device__ __forceinline__ void load_four(const T* from, float (&x)[4]) {
  const uint2 words = *reinterpret_cast<const uint2*>(from);
  unpack_pair<T>(words.x, x[0], x[1]);
  unpack_pair<T>(words.y, x[2], x[3]);
}

__device__ __forceinline__ void store_four(float* to, const float (&x)[4]) {
  *reinterpret_cast<float4*>(to) = make_float4(x[0], x[1], x[2], x[3]);
}

template <class T>
__device__ __forceinline__ void store_four(T* to, const float (&x)[4]) {
  *reinterpret_cast<uint2*>(to) = make_uint2(pack_pair<T>(x[0], x[1]), pack_pair<T>(x[2], x[3]));
}

// COUNT neighbouring floats, by fours as far as it goes.
template <int COUNT>
__device__ __forceinline__ void load_shared(const float* from, float (&x)[COUNT]) {
  if constexpr (COUNT % 4 == 0) {
#pragma unroll
    for (int i = 0; i < COUNT; i += 4) {
      const float4 four = *reinterpret_cast<const float4*>(from + i);
      x[i] = four.x;
      x[i + 1] = four.y;
      x[i + 2] = four.z;
      x[i + 3] = four.w;
    }
  } else {
#pragma unroll
    for (int i = 0; i < COUNT; i++) x[i] = from[i];
  }
}

// Of the numbers of 256 threads, the sums up to each: all threads take part, and may read all of them after.
__device__ __forceinline__ void running_sums(unsigned int* sums, int lane, unsigned int own) {
  sums[lane] = own;
  for (int distance = 1; distance < 256; distance *= 2) {
    block_barrier();
    const unsigned int left = lane >= distance ? sums[lane - distance] : 0u;
    block_barrier();
    sums[lane] += left;
  }
  block_barrier();
}

// The natural logarithm of a row's sum of exponentials, from its maximum and sum in base 2.
__device__ __forceinline__ float lse_of(float max, float sum) {
  return sum == 0.0f ? __uint_as_float(0xff800000u) : 0.6931471805599453f * (max + log2f(sum));
}
`;
