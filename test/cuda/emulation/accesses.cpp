/**
 * What g++ calls before each access of a kernel that it compiles with -fsanitize=thread: the names are those of that
 * option's runtime library, what they do is ours. Accesses to shared memory are checked for place, alignment and order,
 * those to global memory for place and alignment.
 */
#include "global-memory.h"
#include "races.h"
#include "shared-memory.h"
#include "threads.h"

namespace {
using namespace emulation;

void check_alignment(const char* operation, const void* address, size_t bytes) {
  if (reinterpret_cast<size_t>(address) % bytes == 0) return;
  fail(misaligned_address, "%s of %zu bytes at an address that is not a multiple of %zu", operation, bytes, bytes);
}

void check(const void* address, size_t bytes, bool writes, bool aligned) {
  if (!present) return;
  const unsigned char* place = static_cast<const unsigned char*>(address);
  if (place >= present->stack && place < present->stack_end) return;
  const char* operation = writes ? "a store" : "a load";
  if (place >= shared_memory && place < shared_memory + most_shared_bytes) {
    const unsigned int at = check_shared(operation, address, bytes, aligned ? bytes : 1);
    if (writes) {
      shared_write(operation, at, bytes);
    } else {
      shared_read(operation, at, bytes);
    }
    return;
  }
  if (aligned) check_alignment(operation, address, bytes);
  if (is_global(address, bytes)) return;
  const std::string where = describe_address(address);
  if (!where.empty()) fail(illegal_address, "%s of %zu bytes at an illegal address%s", operation, bytes, where.c_str());
}
}  // namespace

#define EMULATION_ACCESS(bytes)                                                                \
  void __tsan_read##bytes(void* address) { check(address, bytes, false, true); }               \
  void __tsan_write##bytes(void* address) { check(address, bytes, true, true); }               \
  void __tsan_unaligned_read##bytes(void* address) { check(address, bytes, false, false); }    \
  void __tsan_unaligned_write##bytes(void* address) { check(address, bytes, true, false); }

extern "C" {
EMULATION_ACCESS(1)
EMULATION_ACCESS(2)
EMULATION_ACCESS(4)
EMULATION_ACCESS(8)
EMULATION_ACCESS(16)
void __tsan_read_range(void* address, size_t bytes) { check(address, bytes, false, false); }
void __tsan_write_range(void* address, size_t bytes) { check(address, bytes, true, false); }
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_init() {}
}
