/** The sixteen barriers of a block (bar.sync, bar.arrive): whole warps meet. */
#include "block-state.h"

namespace emulation {
namespace {
struct Barrier {
  unsigned int expected = 0;
  unsigned int arrived = 0;
  /** How often it has opened. */
  unsigned int openings = 0;
  /** What happens before the next opening, and before the last one. */
  Clock next, last;
};
Barrier barriers[16];

struct Arrival {
  int id;
  unsigned int threads;
  unsigned int opening;
};

void arrive(Warp& warp, void** slots) {
  const Arrival& first = *static_cast<Arrival*>(slots[warp.lanes[0]->lane]);
  for (const Thread* thread : warp.lanes) {
    const Arrival& other = *static_cast<Arrival*>(slots[thread->lane]);
    if (other.id != first.id || other.threads != first.threads) fail(launch_failed, "lanes of warp %u name different barriers", warp.number);
  }
  Barrier& barrier = barriers[first.id];
  if (barrier.arrived == 0) barrier.expected = first.threads;
  if (barrier.expected != first.threads) {
    fail(launch_failed, "barrier %d is for %u threads here and for %u elsewhere", first.id, first.threads, barrier.expected);
  }
  for (const Thread* thread : warp.lanes) static_cast<Arrival*>(slots[thread->lane])->opening = barrier.openings;
  for (const Thread* thread : warp.lanes) release(*thread, barrier.next);
  barrier.arrived += warp.lanes.size();
  if (barrier.arrived > barrier.expected) fail(launch_failed, "more than the %u threads of barrier %d have come to it", barrier.expected, first.id);
  if (barrier.arrived < barrier.expected) return;
  barrier.arrived = 0;
  barrier.openings++;
  barrier.last = std::move(barrier.next);
  barrier.next = Clock();
  wake(&barrier);
}

void come(const char* operation, int id, unsigned int threads, bool waits) {
  Arrival arrival{id, threads, 0};
  meet(operation, &arrival, arrive, false);
  if (!waits) return;
  while (barriers[id].openings == arrival.opening) wait_for(&barriers[id], operation);
  acquire(*present, barriers[id].last);
}
}  // namespace

void block_barrier() { come("block_barrier", 0, blockDim.x * blockDim.y * blockDim.z, true); }

void group_barrier(int id, int threads, bool waits) {
  const char* operation = waits ? "group_barrier" : "group_arrive";
  if (id < 1 || id > 15) fail(launch_failed, "%s: there is no barrier %d: they are 1 to 15", operation, id);
  if (threads <= 0 || threads % 32 != 0) fail(launch_failed, "%s: %d threads are not whole warps", operation, threads);
  come(operation, id, (unsigned int)threads, waits);
}

void reset_barriers() {
  for (Barrier& barrier : barriers) barrier = Barrier();
}

std::string describe_barrier(const void* object) {
  for (int id = 0; id < 16; id++) {
    if (object != &barriers[id]) continue;
    return " (barrier " + std::to_string(id) + ": " + std::to_string(barriers[id].arrived) + " of " + std::to_string(barriers[id].expected) + " threads have come)";
  }
  return "";
}
}  // namespace emulation
