/** The threads of a block as fibers: one runs at a time, until it waits for others or ends. */
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <vector>
#include "failure.h"
#include "races.h"
#include "include/operations.h"

namespace emulation {
struct Warp;

/** A copy of 16 bytes that has not taken effect; zeros where there is no source. */
struct WordCopy {
  unsigned char* to;
  const unsigned char* from;
};
/** A copy of a box from shared to global memory that has not read its source. */
struct BoxStore {
  TensorMap map;
  const unsigned char* from;
  int dimensions;
  int start[5];
};
/** Groups of copies of one thread: those not yet committed, and the others, oldest first. */
template <class Copy> struct CopyGroups {
  std::vector<Copy> open;
  std::deque<std::vector<Copy>> committed;
  void clear() {
    open.clear();
    committed.clear();
  }
};

struct Thread {
  enum State { ready, waiting, ended };
  State state = ready;
  unsigned int number = 0;
  unsigned int lane = 0;
  uint3 index{};
  Warp* warp = nullptr;
  void* stack_pointer = nullptr;
  const unsigned char* stack = nullptr;
  const unsigned char* stack_end = nullptr;
  /** What it waits for: the object, and how to tell of it. */
  const void* waits_for = nullptr;
  const char* waits_in = nullptr;
  CopyGroups<WordCopy> copies;
  CopyGroups<BoxStore> stores;
};

/** An operation of all lanes of a warp, for which some have come already. */
struct Meeting {
  const char* operation = nullptr;
  void* slots[32] = {};
  unsigned int arrived = 0;
};

struct Warp {
  unsigned int number = 0;
  /** Lanes that can go on. */
  unsigned int ready = 0;
  std::vector<Thread*> lanes;
  Meeting meeting;
};

/** How a launch runs. */
struct Options {
  /** 0: warps and lanes in their order, asynchronous operations as late as allowed. Else at random, from this seed. */
  uint64_t seed = 0;
  /** The kernel was compiled to be checked: its accesses to memory are known. */
  bool checked = false;
  /** Processor time after which a kernel counts as one that does not end. */
  long seconds = 60;
};

/** The launch under way. Blocks run one after another. */
struct Launch {
  const char* kernel = "";
  Options options;
  uint64_t random = 0;
  unsigned int shared_bytes = 0;
  unsigned int block = 0;
  std::vector<Thread*> threads;
  std::vector<Warp> warps;
};

extern Launch launch;
/** The thread that runs, or null between threads. */
extern Thread* present;

/** Runs all blocks of a kernel. On failure, what went wrong. */
Failure run_grid(const char* name, void (*kernel)(void**), void** parameters, dim3 grid, dim3 block, unsigned int shared_bytes, Options options);

/** The present thread waits until another one calls wake for the same object. `operation` outlives the wait. */
void wait_for(const void* object, const char* operation);
void wake(const void* object);

/**
 * All lanes of the warp come to the same operation; the last one runs it for all, with the slot of each lane.
 * It is a mistake if lanes come to different ones.
 */
void meet(const char* operation, void* slot, void (*run)(Warp& warp, void** slots), bool whole = true);

/** From the seed: a number under `count`. */
unsigned int random_under(unsigned int count);
/** Whether an asynchronous operation that may take effect now does so. */
bool happens_early();
}  // namespace emulation
