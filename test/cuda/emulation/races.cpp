#include "races.h"

#include <algorithm>

#include "shared-memory.h"
#include "threads.h"

namespace emulation {
namespace {
/** Bytes that are looked at as one: the smallest element. */
constexpr unsigned int granule = 2;

struct Write {
  uint32_t time = 0;
  uint16_t thread = 0;
};
/** The last read by a lane of one warp. Earlier ones of other lanes are forgotten. */
struct Read {
  uint32_t time = 0;
  uint16_t thread = 0;
};

bool recording = false;
/** Of each thread, a clock. A thread's own count is in its own. */
std::vector<Clock> clocks;
/** Of each granule; of each granule and warp. */
std::vector<Write> writes;
std::vector<Read> reads;

void join(Counts& to, const Counts& from) {
  if (to.size() < from.size()) to.resize(from.size());
  for (size_t i = 0; i < from.size(); i++) to[i] = std::max(to[i], from[i]);
}

void join(Clock& to, const Clock& from) {
  join(to.all, from.all);
  join(to.loads, from.loads);
}

uint32_t now() { return clocks[present->number].all[present->number]; }

/** What the thread does from here on is told apart from what it has done. */
void count_on(size_t thread) {
  clocks[thread].all[thread]++;
  clocks[thread].loads[thread]++;
}

[[noreturn]] void report(const char* operation, unsigned int address, const char* does, uint16_t other, const char* did) {
  fail(launch_failed, "race in shared memory at %u: %s %s what thread %u %s, and nothing orders the two", address, operation, does, other, did);
}

void check_writes(const char* operation, unsigned int address, unsigned int cell, const char* does) {
  const Write& write = writes[cell];
  if (write.time > clocks[present->number].all[write.thread]) report(operation, address, does, write.thread, "has written");
}

void check_reads(const char* operation, unsigned int address, unsigned int cell) {
  const size_t warps = launch.warps.size();
  for (size_t warp = 0; warp < warps; warp++) {
    const Read& read = reads[cell * warps + warp];
    if (read.time > clocks[present->number].loads[read.thread]) report(operation, address, "writes over", read.thread, "has read");
  }
}

template <class Visit> void each_granule(unsigned int address, size_t bytes, Visit visit) {
  const unsigned int last = std::min<unsigned int>((address + bytes - 1) / granule, writes.size() - 1);
  for (unsigned int cell = address / granule; cell <= last; cell++) visit(cell);
}
}  // namespace

void reset_races(bool on) {
  recording = on;
  if (!on) return;
  const size_t threads = launch.threads.size();
  const size_t cells = launch.shared_bytes / granule + 1;
  clocks.assign(threads, {Counts(threads, 0), Counts(threads, 0)});
  for (size_t i = 0; i < threads; i++) count_on(i);
  writes.assign(cells, Write());
  reads.assign(cells * launch.warps.size(), Read());
}

void release(const Thread& thread, Clock& clock) {
  if (!recording) return;
  join(clock, clocks[thread.number]);
  count_on(thread.number);
}

void acquire(const Thread& thread, const Clock& clock) {
  if (recording) join(clocks[thread.number], clock);
}

void acquire_loads(const Thread& thread, const Clock& clock) {
  if (recording) join(clocks[thread.number].loads, clock.loads);
}

void meet_after_loads(const std::vector<Thread*>& lanes) {
  if (!recording) return;
  Counts together;
  for (const Thread* thread : lanes) {
    join(together, clocks[thread->number].loads);
    count_on(thread->number);
  }
  for (const Thread* thread : lanes) join(clocks[thread->number].loads, together);
}

void shared_read(const char* operation, unsigned int address, size_t bytes) {
  if (!recording) return;
  const uint16_t number = (uint16_t)present->number;
  each_granule(address, bytes, [&](unsigned int cell) {
    check_writes(operation, address, cell, "reads");
    reads[cell * launch.warps.size() + number / 32] = {now(), number};
  });
}

void shared_may_write(const char* operation, unsigned int address, size_t bytes) {
  if (!recording) return;
  each_granule(address, bytes, [&](unsigned int cell) {
    check_writes(operation, address, cell, "writes over");
    check_reads(operation, address, cell);
  });
}

void shared_write(const char* operation, unsigned int address, size_t bytes) {
  if (!recording) return;
  shared_may_write(operation, address, bytes);
  const uint16_t number = (uint16_t)present->number;
  each_granule(address, bytes, [&](unsigned int cell) { writes[cell] = {now(), number}; });
}
}  // namespace emulation
