/** cp.async.bulk.tensor: boxes between global and shared memory. */
#include <cstring>

#include "block-state.h"
#include "global-memory.h"
#include "mbarriers.h"
#include "shared-memory.h"
#include "tensor-map.h"

namespace emulation {
namespace {
unsigned int box_bytes(const Tensor& tensor) {
  unsigned int bytes = tensor.element_bytes;
  for (int i = 0; i < tensor.dimensions; i++) bytes *= tensor.box[i];
  return bytes;
}

struct Box {
  Tensor tensor;
  unsigned int shared;
  int start[5];
};

/** Calls back with each element of the box: its address in shared memory, and in global memory or null outside of the tensor. */
template <class Visit> void each_element(const Box& box, Visit visit) {
  const Tensor& t = box.tensor;
  const unsigned int count = box_bytes(t) / t.element_bytes;
  for (unsigned int i = 0; i < count; i++) {
    unsigned int rest = i;
    uint64_t offset = 0;
    bool inside = true;
    for (int d = 0; d < t.dimensions; d++) {
      const int64_t x = box.start[d] + (int64_t)(rest % t.box[d]);
      rest /= t.box[d];
      inside = inside && x >= 0 && x < (int64_t)t.sizes[d];
      offset += (uint64_t)x * (d == 0 ? t.element_bytes : t.strides[d - 1]);
    }
    visit(swizzled(box.shared + i * t.element_bytes, t.swizzle), inside ? t.address + offset : nullptr);
  }
}

void check_inside(const char* operation, const unsigned char* global, unsigned int bytes) {
  if (!is_global(global, bytes)) fail(illegal_address, "%s: the tensor map leads outside of global memory%s", operation, describe_address(global).c_str());
}

void load(const Box& box) {
  const unsigned int bytes = box.tensor.element_bytes;
  unsigned char fill[8];
  memset(fill, box.tensor.fill_nan ? 0xff : 0, sizeof fill);
  each_element(box, [&](unsigned int shared, const unsigned char* global) {
    if (global) check_inside("copy_tensor", global, bytes);
    write_asynchronously(shared, global ? global : fill, bytes);
  });
}

void store(const BoxStore& s) {
  Box box{decode_tensor("copy_tensor_store", s.map, s.dimensions), shared_address(s.from), {}};
  const Tensor& tensor = box.tensor;
  shared_read("copy_tensor_store", box.shared, box_bytes(tensor));
  memcpy(box.start, s.start, sizeof box.start);
  const unsigned char* shared = asynchronous_view();
  each_element(box, [&](unsigned int address, unsigned char* global) {
    if (!global) return;
    check_inside("copy_tensor_store", global, tensor.element_bytes);
    memcpy(global, shared + address, tensor.element_bytes);
  });
}

void finish(std::vector<BoxStore>& stores) {
  for (const BoxStore& s : stores) store(s);
  stores.clear();
}
}  // namespace

void tensor_map_prefetch(const TensorMap* map) {
  if (reinterpret_cast<size_t>(map) % 64 != 0) fail(misaligned_address, "tensor_map_prefetch: the tensor map is not at a multiple of 64");
}

void copy_tensor(void* shared, const TensorMap* map, unsigned long long* barrier, int dimensions, const int* start) {
  Box box{decode_tensor("copy_tensor", *map, dimensions), 0, {}};
  const unsigned int bytes = box_bytes(box.tensor);
  box.shared = check_shared("copy_tensor", shared, bytes, 128);
  memcpy(box.start, start, dimensions * sizeof(int));
  shared_write("copy_tensor", box.shared, bytes);
  add_copy(barrier, bytes, [box] { load(box); });
}

void copy_tensor_store(const TensorMap* map, const void* shared, int dimensions, const int* start) {
  const Tensor tensor = decode_tensor("copy_tensor_store", *map, dimensions);
  const unsigned int address = check_shared("copy_tensor_store", shared, box_bytes(tensor), 128);
  BoxStore s{*map, shared_memory + address, dimensions, {}};
  memcpy(s.start, start, dimensions * sizeof(int));
  shared_read("copy_tensor_store", address, box_bytes(tensor));
  if (happens_early()) {
    store(s);
  } else {
    present->stores.open.push_back(s);
  }
}

void bulk_commit() {
  present->stores.committed.push_back(std::move(present->stores.open));
  present->stores.open.clear();
}

void bulk_wait_read(int pending) {
  auto& groups = present->stores.committed;
  while (groups.size() > (size_t)pending) {
    finish(groups.front());
    groups.pop_front();
  }
}

void end_copies(Thread& thread) {
  bool under_way = !thread.stores.open.empty();
  for (const auto& group : thread.stores.committed) under_way = under_way || !group.empty();
  if (under_way) fail(launch_failed, "the thread has ended while a copy from shared memory is under way");
}
}  // namespace emulation
