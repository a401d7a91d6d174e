/** cp.async: copies of a thread, in groups. They take effect when they are waited for, or at random earlier. */
#include <cstring>

#include "block-state.h"
#include "global-memory.h"
#include "shared-memory.h"

namespace emulation {
namespace {
void take_effect(const WordCopy& copy) {
  shared_write("copy_async_16", (unsigned int)(copy.to - shared_memory), 16);
  if (copy.from) {
    memcpy(copy.to, copy.from, 16);
  } else {
    memset(copy.to, 0, 16);
  }
}
}  // namespace

void copy_async_16(void* shared, const void* global, bool exists) {
  const unsigned int address = check_shared("copy_async_16", shared, 16, 16);
  const size_t place = reinterpret_cast<size_t>(global);
  if (place % 16 != 0) fail(misaligned_address, "copy_async_16 from a global address that is not a multiple of 16");
  if (exists && !is_global(global, 16)) {
    fail(illegal_address, "copy_async_16 from outside of global memory%s", describe_address(global).c_str());
  }
  const WordCopy copy{shared_memory + address, exists ? static_cast<const unsigned char*>(global) : nullptr};
  shared_may_write("copy_async_16", address, 16);
  if (happens_early()) {
    take_effect(copy);
  } else {
    present->copies.open.push_back(copy);
  }
}

void copies_commit() {
  present->copies.committed.push_back(std::move(present->copies.open));
  present->copies.open.clear();
}

void copies_wait(int pending) {
  auto& groups = present->copies.committed;
  while (groups.size() > (size_t)pending) {
    for (const WordCopy& copy : groups.front()) take_effect(copy);
    groups.pop_front();
  }
}
}  // namespace emulation
