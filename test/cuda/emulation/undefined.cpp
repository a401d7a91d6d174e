/**
 * What g++ calls where a kernel that it compiles with -fsanitize=undefined does what C++ does not define: names and
 * layouts are those of that option's runtime library, what they do is ours. All of their data begin with the place.
 */
#include "threads.h"

namespace {
using namespace emulation;

struct Place {
  const char* file;
  unsigned int line;
  unsigned int column;
};

/** Where, the type, the exponent of its alignment, and what is done there. */
struct Mismatch {
  Place place;
  const void* type;
  unsigned char alignment;
  unsigned char access;
};

[[noreturn]] void undefined(const Place* place, const char* what) {
  fail(launch_failed, "%s (%s:%u:%u)", what, place->file, place->line, place->column);
}
}  // namespace

#define EMULATION_UNDEFINED(name, what) \
  void __ubsan_handle_##name(Place* place) { undefined(place, what); }

extern "C" {
EMULATION_UNDEFINED(add_overflow, "a sum of integers overflows")
EMULATION_UNDEFINED(sub_overflow, "a difference of integers overflows")
EMULATION_UNDEFINED(mul_overflow, "a product of integers overflows")
EMULATION_UNDEFINED(negate_overflow, "a negated integer overflows")
EMULATION_UNDEFINED(divrem_overflow, "an integer is divided by zero, or a quotient overflows")
EMULATION_UNDEFINED(shift_out_of_bounds, "an integer is shifted by less than 0 or by all its bits")
EMULATION_UNDEFINED(out_of_bounds, "an index is outside of its array")
EMULATION_UNDEFINED(builtin_unreachable, "the program has reached what it declared unreachable")
EMULATION_UNDEFINED(missing_return, "a function ends without its result")
EMULATION_UNDEFINED(load_invalid_value, "a bool is neither true nor false")
void __ubsan_handle_type_mismatch_v1(Mismatch* mismatch, void*) {
  const Place& place = mismatch->place;
  fail(misaligned_address, "an address is not a multiple of %d (%s:%u:%u)", 1 << mismatch->alignment, place.file, place.line, place.column);
}
}
