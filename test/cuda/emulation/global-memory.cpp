#include "global-memory.h"

#include <sys/mman.h>

#include <cstring>
#include <map>

#include "shared-memory.h"

namespace emulation {
namespace {
constexpr size_t page = 4096;
constexpr size_t alignment = 256;
constexpr unsigned char untouched = 0xa5;

struct Allocation {
  unsigned char* pointer;
  size_t bytes;
  unsigned char* mapping;
  size_t mapped;
};
std::map<const unsigned char*, Allocation> allocations;

constexpr size_t rounded(size_t x, size_t to) { return (x + to - 1) / to * to; }

/** The last allocation that begins at or before the address. */
const Allocation* before(const void* address) {
  auto next = allocations.upper_bound(static_cast<const unsigned char*>(address));
  return next == allocations.begin() ? nullptr : &std::prev(next)->second;
}

bool untouched_between(const unsigned char* from, const unsigned char* to) {
  for (; from < to; from++) {
    if (*from != untouched) return false;
  }
  return true;
}
}  // namespace

void* allocate_global(size_t bytes) {
  const size_t inner = rounded(bytes, page);
  const size_t mapped = inner + 2 * page;
  void* memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  unsigned char* mapping = static_cast<unsigned char*>(memory);
  // As far to the end as the alignment allows: what is read behind it is mostly in the page that nobody may touch.
  unsigned char* pointer = mapping + page + (inner - rounded(bytes, alignment));
  memset(mapping + page, untouched, inner);
  memset(pointer, poison, bytes);
  mprotect(mapping, page, PROT_NONE);
  mprotect(mapping + page + inner, page, PROT_NONE);
  allocations[pointer] = {pointer, bytes, mapping, mapped};
  return pointer;
}

bool free_global(void* pointer) {
  auto found = allocations.find(static_cast<unsigned char*>(pointer));
  if (found == allocations.end()) return false;
  munmap(found->second.mapping, found->second.mapped);
  allocations.erase(found);
  return true;
}

bool is_global(const void* pointer, size_t bytes) {
  const Allocation* a = before(pointer);
  return a && static_cast<const unsigned char*>(pointer) + bytes <= a->pointer + a->bytes;
}

bool find_allocation(const void* pointer, unsigned char** start, size_t* bytes) {
  if (!is_global(pointer, 1)) return false;
  const Allocation* a = before(pointer);
  *start = a->pointer;
  *bytes = a->bytes;
  return true;
}

bool range_of(const void* pointer, Range* range) {
  const Allocation* a = before(pointer);
  if (!a || static_cast<const unsigned char*>(pointer) >= a->pointer + a->bytes) return false;
  *range = {a->pointer, a->bytes};
  return true;
}

std::string written_slack() {
  for (const auto& [pointer, a] : allocations) {
    const unsigned char* end = a.mapping + a.mapped - page;
    if (!untouched_between(a.mapping + page, pointer)) {
      return "global memory was written before an allocation of " + std::to_string(a.bytes) + " bytes";
    }
    if (!untouched_between(pointer + a.bytes, end)) {
      return "global memory was written behind an allocation of " + std::to_string(a.bytes) + " bytes";
    }
  }
  return "";
}

std::string describe_address(const void* address) {
  const unsigned char* place = static_cast<const unsigned char*>(address);
  for (const auto& [pointer, a] : allocations) {
    if (place < a.mapping || place >= a.mapping + a.mapped) continue;
    const std::string of = " an allocation of " + std::to_string(a.bytes) + " bytes of global memory";
    if (place < pointer) return ": " + std::to_string(pointer - place) + " bytes before" + of;
    return ": " + std::to_string(place - (pointer + a.bytes)) + " bytes behind the end of" + of;
  }
  return "";
}
}  // namespace emulation
