#include "tensor-map.h"

#include <cstring>

namespace emulation {
namespace {
constexpr uint64_t mark = 0x74656e736f726d61;
/** CUtensorMapDataType, from UINT8 on. */
constexpr uint8_t bytes_of_type[] = {1, 2, 4, 4, 8, 8, 2, 4, 8, 2, 4, 4, 4};
}  // namespace

const char* encode_tensor(TensorMap* map, int type, unsigned int dimensions, void* address, const uint64_t* sizes, const uint64_t* strides,
                          const uint32_t* box, const uint32_t* steps, int interleave, int swizzle, int fill) {
  if (reinterpret_cast<size_t>(map) % 64 != 0) return "the descriptor is not at a multiple of 64";
  if (type < 0 || type >= (int)sizeof bytes_of_type) return "there is no such type of elements";
  if (dimensions < 1 || dimensions > 5) return "a tensor has one to five dimensions";
  if (reinterpret_cast<size_t>(address) % 16 != 0) return "the tensor is not at a multiple of 16";
  if (interleave != 0) return "interleaved layouts are not emulated";
  if (swizzle < 0 || swizzle > 3) return "there is no such swizzle";
  Tensor tensor{};
  tensor.mark = mark;
  tensor.address = static_cast<unsigned char*>(address);
  tensor.dimensions = (uint8_t)dimensions;
  tensor.element_bytes = bytes_of_type[type];
  tensor.swizzle = (uint8_t)(swizzle == 0 ? 0 : 16 << swizzle);
  tensor.fill_nan = (uint8_t)fill;
  for (unsigned int i = 0; i < dimensions; i++) {
    if (sizes[i] < 1 || sizes[i] > 1ull << 32) return "a size is not between 1 and 2^32";
    if (box[i] < 1 || box[i] > 256) return "a size of the box is not between 1 and 256";
    if (steps[i] != 1) return "steps over elements are not emulated";
    tensor.sizes[i] = (uint32_t)sizes[i];
    tensor.box[i] = (uint16_t)box[i];
  }
  for (unsigned int i = 0; i + 1 < dimensions; i++) {
    if (strides[i] % 16 != 0 || strides[i] >= 1ull << 40) return "a stride is not a multiple of 16 under 2^40";
    tensor.strides[i] = strides[i];
  }
  const unsigned int line = box[0] * tensor.element_bytes;
  if (line % 16 != 0) return "a line of the box is not a multiple of 16 bytes";
  if (swizzle != 0 && line > tensor.swizzle) return "a line of the box is longer than the swizzle";
  memset(map, 0, sizeof *map);
  memcpy(map, &tensor, sizeof tensor);
  return nullptr;
}

Tensor decode_tensor(const char* operation, const TensorMap& map, int dimensions) {
  Tensor tensor;
  memcpy(&tensor, &map, sizeof tensor);
  if (reinterpret_cast<size_t>(&map) % 64 != 0) fail(misaligned_address, "%s: the tensor map is not at a multiple of 64", operation);
  if (tensor.mark != mark) fail(launch_failed, "%s: this is no tensor map", operation);
  if (tensor.dimensions != dimensions) {
    fail(launch_failed, "%s: the tensor map has %d dimensions, not %d", operation, tensor.dimensions, dimensions);
  }
  if (tensor.swizzle != 0 && tensor.box[0] * tensor.element_bytes != tensor.swizzle) {
    fail(launch_failed, "%s: lines of %d bytes do not fill a swizzle of %d bytes, which is not emulated", operation,
         tensor.box[0] * tensor.element_bytes, tensor.swizzle);
  }
  return tensor;
}
}  // namespace emulation
