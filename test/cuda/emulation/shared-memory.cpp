#include "shared-memory.h"

#include <cstring>

#include "threads.h"

namespace {
/** A block's shared memory is followed by this much that nobody may touch. */
constexpr unsigned int margin = 4096;
}  // namespace

extern "C" {
alignas(4096) unsigned char shared_memory[emulation::most_shared_bytes + margin];
}

namespace emulation {
namespace {
alignas(4096) unsigned char view[most_shared_bytes];
/** Whether ordinary stores were made visible after the view was last read. */
bool fenced;
constexpr unsigned char untouched = 0xa5;
}  // namespace

void poison_shared_memory(unsigned int bytes) {
  memset(shared_memory, poison, bytes);
  memset(view, poison, bytes);
  memset(shared_memory + bytes, untouched, margin);
  fenced = false;
}

void check_shared_memory_end(unsigned int bytes) {
  for (unsigned int i = bytes; i < bytes + margin; i++) {
    if (shared_memory[i] != untouched) fail(illegal_address, "shared memory was written at %u, behind its %u bytes", i, bytes);
  }
}

unsigned int check_shared(const char* operation, const void* shared, size_t bytes, size_t alignment) {
  const ptrdiff_t address = static_cast<const unsigned char*>(shared) - shared_memory;
  if (address < 0 || address + bytes > launch.shared_bytes) {
    if (address < 0 || address >= (ptrdiff_t)sizeof shared_memory) fail(illegal_address, "%s: the address is not in shared memory", operation);
    fail(illegal_address, "%s of %zu bytes at %td is outside of the %u bytes of shared memory", operation, bytes, address, launch.shared_bytes);
  }
  if (address % alignment != 0) fail(misaligned_address, "%s at %td, which is not a multiple of %zu", operation, address, alignment);
  return (unsigned int)address;
}

unsigned int shared_address(const void* shared) { return check_shared("shared_address", shared, 0, 1); }

void shared_fence_async() { fenced = true; }

const unsigned char* asynchronous_view() {
  if (fenced) memcpy(view, shared_memory, launch.shared_bytes);
  fenced = false;
  return view;
}

void write_asynchronously(unsigned int address, const void* bytes, size_t count) {
  memcpy(shared_memory + address, bytes, count);
  memcpy(view + address, bytes, count);
}
}  // namespace emulation
