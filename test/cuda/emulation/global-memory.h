/** Global memory: each allocation between two pages that nobody may touch, filled with what is not a number. */
#pragma once
#include <cstddef>
#include <string>

namespace emulation {
/** The device pointer, a multiple of 256, or null. */
void* allocate_global(size_t bytes);
/** False where no allocation begins there. */
bool free_global(void* pointer);
struct Range {
  unsigned char* start;
  size_t bytes;
};
/** The allocation that holds the address; false where none does. */
bool range_of(const void* pointer, Range* range);
/** The bytes lie within one allocation. */
bool is_global(const void* pointer, size_t bytes);
/** The allocation that the address lies in: false where there is none. */
bool find_allocation(const void* pointer, unsigned char** start, size_t* bytes);
/** Where the slack around an allocation was written: a description, else "". */
std::string written_slack();
/** " 12 bytes behind an allocation of 256 bytes", or "". */
std::string describe_address(const void* address);
}  // namespace emulation
