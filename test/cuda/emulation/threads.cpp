#include "threads.h"

#include <sys/mman.h>

#include <csetjmp>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "block-state.h"
#include "faults.h"
#include "patience.h"
#include "shared-memory.h"
#include "switch.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace emulation {
Launch launch;
Thread* present = nullptr;

namespace {
constexpr size_t stack_bytes = 256 * 1024;
constexpr size_t page = 4096;

void* scheduler_place;
void (*kernel_entry)(void**);
void** kernel_parameters;
sigjmp_buf launch_end;
Failure failure;
/** Kept from launch to launch: a guard page and a stack for each thread of a block. */
std::vector<unsigned char*> stacks;

unsigned char* stack_of(unsigned int thread) {
  while (stacks.size() <= thread) {
    void* memory = mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) abort();
    mprotect(memory, page, PROT_NONE);
    stacks.push_back(static_cast<unsigned char*>(memory));
  }
  return stacks[thread];
}

/** The present thread does not go on. */
void stop(Thread::State state) {
  present->state = state;
  present->warp->ready--;
}

void make_ready(Thread& thread) {
  thread.state = Thread::ready;
  thread.warp->ready++;
}

void run_thread() {
  kernel_entry(kernel_parameters);
  end_copies(*present);
  stop(Thread::ended);
  emulation_switch(&present->stack_pointer, scheduler_place);
  abort();
}

void resume(Thread& thread) {
  present = &thread;
  threadIdx = thread.index;
  emulation_switch(&scheduler_place, thread.stack_pointer);
  present = nullptr;
}

/** Lanes that can go on do so, each until it waits or ends. */
void run_warp(Warp& warp) {
  unsigned int order[32];
  const unsigned int count = warp.lanes.size();
  for (unsigned int i = 0; i < count; i++) order[i] = i;
  if (launch.options.seed != 0) {
    for (unsigned int i = count - 1; i > 0; i--) std::swap(order[i], order[random_under(i + 1)]);
  }
  for (unsigned int i = 0; i < count; i++) {
    Thread& thread = *warp.lanes[order[i]];
    if (thread.state == Thread::ready) resume(thread);
  }
}

/** "threads 0 to 31 wait in block_barrier; threads 32 to 63 have ended" */
std::string describe_threads() {
  std::string text;
  for (size_t first = 0; first < launch.threads.size();) {
    const Thread& thread = *launch.threads[first];
    const auto same = [&](const Thread& other) {
      return other.state == thread.state && other.waits_for == thread.waits_for && other.waits_in == thread.waits_in;
    };
    size_t last = first;
    if (thread.state == Thread::ended) {
      while (last + 1 < launch.threads.size() && launch.threads[last + 1]->state == Thread::ended) last++;
    } else {
      while (last + 1 < launch.threads.size() && same(*launch.threads[last + 1])) last++;
    }
    if (!text.empty()) text += "; ";
    text += first == last ? "thread " + std::to_string(first) : "threads " + std::to_string(first) + " to " + std::to_string(last);
    if (thread.state == Thread::ended) {
      text += first == last ? " has ended" : " have ended";
    } else {
      text += first == last ? " waits in " : " wait in ";
      text += thread.waits_in + describe_wait(thread.waits_for);
    }
    first = last + 1;
  }
  return text;
}

void run_threads() {
  std::vector<Warp*> ready;
  for (;;) {
    ready.clear();
    for (Warp& warp : launch.warps) {
      if (warp.ready == 0) continue;
      ready.push_back(&warp);
      if (launch.options.seed == 0) break;
    }
    if (ready.empty()) break;
    check_time();
    run_warp(*ready[ready.size() == 1 ? 0 : random_under(ready.size())]);
  }
  for (const Thread* thread : launch.threads) {
    if (thread->state != Thread::ended) fail(launch_failed, "deadlock: %s", describe_threads().c_str());
  }
}

/** As many threads as a block has, kept from block to block. */
void make_threads(dim3 block) {
  const unsigned int count = block.x * block.y * block.z;
  for (Thread* thread : launch.threads) delete thread;
  launch.threads.clear();
  launch.warps.assign((count + 31) / 32, Warp());
  for (unsigned int i = 0; i < count; i++) {
    Thread* thread = new Thread();
    thread->number = i;
    thread->lane = i % 32;
    thread->index = {i % block.x, i / block.x % block.y, i / (block.x * block.y)};
    thread->warp = &launch.warps[i / 32];
    thread->stack = stack_of(i);
    thread->stack_end = thread->stack + stack_bytes;
    thread->warp->number = i / 32;
    thread->warp->lanes.push_back(thread);
    launch.threads.push_back(thread);
  }
}

/** All threads are where the kernel begins. */
void start_threads() {
  for (Warp& warp : launch.warps) {
    warp.ready = warp.lanes.size();
    warp.meeting = Meeting();
  }
  for (Thread* thread : launch.threads) {
    thread->state = Thread::ready;
    thread->waits_for = nullptr;
    thread->waits_in = nullptr;
    thread->copies.clear();
    thread->stores.clear();
    thread->stack_pointer = fresh_stack(stack_of(thread->number) + stack_bytes, run_thread);
  }
}

void run_block(unsigned int number) {
  launch.block = number;
  blockIdx = {number % gridDim.x, number / gridDim.x % gridDim.y, number / (gridDim.x * gridDim.y)};
  start_threads();
  reset_block_state();
  reset_races(launch.options.checked);
  poison_shared_memory(launch.shared_bytes);
  run_threads();
  check_mbarriers_end();
  check_shared_memory_end(launch.shared_bytes);
}
}  // namespace

Failure run_grid(const char* name, void (*kernel)(void**), void** parameters, dim3 grid, dim3 block, unsigned int shared_bytes, Options options) {
  launch.kernel = name;
  launch.options = options;
  launch.random = options.seed;
  launch.shared_bytes = shared_bytes;
  kernel_entry = kernel;
  kernel_parameters = parameters;
  gridDim = grid;
  blockDim = block;
  failure = Failure();
  present = nullptr;
  catch_faults();
  limit_time(kernel, options.seconds);
  if (sigsetjmp(launch_end, 1) == 0) {
    make_threads(block);
    const unsigned int blocks = grid.x * grid.y * grid.z;
    for (unsigned int i = 0; i < blocks; i++) run_block(i);
  }
  present = nullptr;
  lift_limit();
  release_faults();
  return failure;
}

void fail(FailureCode code, const char* format, ...) {
  char text[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  failure.code = code;
  failure.message = std::string(launch.kernel) + ", block " + std::to_string(launch.block);
  if (present) failure.message += ", thread " + std::to_string(present->number);
  failure.message += std::string(": ") + text;
  siglongjmp(launch_end, 1);
}

void trap() { fail(launch_failed, "trap"); }

void wait_for(const void* object, const char* operation) {
  stop(Thread::waiting);
  present->waits_for = object;
  present->waits_in = operation;
  emulation_switch(&present->stack_pointer, scheduler_place);
}

void wake(const void* object) {
  for (Thread* thread : launch.threads) {
    if (thread->state == Thread::waiting && thread->waits_for == object) make_ready(*thread);
  }
}

void meet(const char* operation, void* slot, void (*run)(Warp& warp, void** slots), bool whole) {
  Warp& warp = *present->warp;
  Meeting& meeting = warp.meeting;
  const unsigned int count = warp.lanes.size();
  if (whole && count != 32) fail(launch_failed, "%s needs 32 lanes, and warp %u has %u", operation, warp.number, count);
  if (meeting.arrived == 0) meeting.operation = operation;
  if (meeting.operation != operation) {
    fail(launch_failed, "lane %u of warp %u is at %s, while others are at %s", present->lane, warp.number, operation, meeting.operation);
  }
  meeting.slots[present->lane] = slot;
  if (++meeting.arrived < count) {
    wait_for(&meeting, operation);
    return;
  }
  meeting.arrived = 0;
  run(warp, meeting.slots);
  for (Thread* thread : warp.lanes) {
    if (thread->waits_for == &meeting && thread->state == Thread::waiting) make_ready(*thread);
  }
}

unsigned int random_under(unsigned int count) {
  // splitmix64
  uint64_t z = launch.random += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return (unsigned int)(((z ^ z >> 31) >> 32) * count >> 32);
}

bool happens_early() { return launch.options.seed != 0 && random_under(2) == 1; }
}  // namespace emulation
