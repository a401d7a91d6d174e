/** Descriptors of tensors, as cuTensorMapEncodeTiled makes them: what is in their 128 bytes is ours. */
#pragma once
#include <cstdint>
#include "threads.h"

namespace emulation {
struct Tensor {
  uint64_t mark;
  unsigned char* address;
  /** Innermost first. */
  uint32_t sizes[5];
  uint64_t strides[4];
  uint16_t box[5];
  uint8_t dimensions;
  uint8_t element_bytes;
  /** Bytes of a line in which chunks of 16 bytes are crossed, or 0. */
  uint8_t swizzle;
  /** What is outside of the tensor is not a number, instead of zero. */
  uint8_t fill_nan;
};
static_assert(sizeof(Tensor) <= sizeof(TensorMap), "a tensor fits its descriptor");

/** Arguments of cuTensorMapEncodeTiled that it accepts; else why not. */
const char* encode_tensor(TensorMap* map, int type, unsigned int dimensions, void* address, const uint64_t* sizes, const uint64_t* strides,
                          const uint32_t* box, const uint32_t* steps, int interleave, int swizzle, int fill);
/** The tensor of a descriptor. It is a mistake if there is none, or one of other dimensions. */
Tensor decode_tensor(const char* operation, const TensorMap& map, int dimensions);

/** Where 16 bytes of an address lie under a swizzle of 32, 64 or 128 bytes: their place in a line is crossed with the line's number. */
inline unsigned int swizzled(unsigned int address, unsigned int swizzle) {
  if (swizzle == 0) return address;
  return address ^ ((address >> 7 & (swizzle / 16 - 1)) << 4);
}
}  // namespace emulation
