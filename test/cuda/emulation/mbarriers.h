/** Barriers in shared memory, with phases, arrivals and bytes of copies. */
#pragma once
#include <functional>
#include "threads.h"

namespace emulation {
/** A copy counts for the barrier's present phase: its bytes, and what it does when it takes effect. */
void add_copy(unsigned long long* barrier, long bytes, std::function<void()> take_effect);
}  // namespace emulation
