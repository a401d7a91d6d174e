/** State of a block beside its threads. */
#pragma once
#include <string>
#include "threads.h"

namespace emulation {
/** Before each block: no barrier, no copy, no product. */
void reset_block_state();
void reset_barriers();
void reset_mbarriers();
void reset_products();

/** At the end of a block. */
void check_mbarriers_end();

/** At the end of a thread: its copies must not be under way any more. */
void end_copies(Thread& thread);

/** Why a wait for the object does not end, or "". */
std::string describe_wait(const void* object);
std::string describe_barrier(const void* object);
std::string describe_mbarrier(const void* object);
}  // namespace emulation
