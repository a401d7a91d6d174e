/**
 * What orders accesses to shared memory, for kernels that were compiled to be checked. Each thread counts its releases;
 * a clock holds, for each thread, up to which of its counts everything has happened before (vector clocks, as in
 * FastTrack, Flanagan and Freund 2009). Two accesses of which one writes must be ordered so, whatever the order was that
 * they came in: a race is found even where its numbers are right.
 */
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace emulation {
struct Thread;

/** Of each thread, up to which of its counts. Empty where nothing has been released to it. */
using Counts = std::vector<uint32_t>;
/** Loads have their results earlier than they are ordered: what comes after may write there then. */
struct Clock {
  Counts all;
  Counts loads;
};

/** Before each block. Nothing is recorded unless `on`. */
void reset_races(bool on);
/** What the thread has done so far happens before what acquires from the clock. */
void release(const Thread& thread, Clock& clock);
void acquire(const Thread& thread, const Clock& clock);
/** The same for what has been loaded, but not for what has been written. */
void acquire_loads(const Thread& thread, const Clock& clock);

/** All lanes have had the results of their loads: an operation that they come to together is given them. */
void meet_after_loads(const std::vector<Thread*>& lanes);

/** The present thread reads or writes shared memory: a mistake unless everything that it conflicts with came before. */
void shared_read(const char* operation, unsigned int address, size_t bytes);
void shared_write(const char* operation, unsigned int address, size_t bytes);
/** As shared_write, but nothing is written yet. */
void shared_may_write(const char* operation, unsigned int address, size_t bytes);
}  // namespace emulation
