#include "mbarriers.h"

#include <map>

#include "block-state.h"
#include "shared-memory.h"

namespace emulation {
namespace {
struct Copy {
  long bytes;
  std::function<void()> take_effect;
};

struct Mbarrier {
  int arrivals = 0;
  /** Arrivals that the present phase still waits for. */
  int pending = 0;
  /** Bytes expected less bytes come, in the present phase. */
  long bytes = 0;
  unsigned int phase = 0;
  /** What happens before the end of the present phase, and before that of the last one. */
  Clock next, last;
  std::vector<Copy> copies;
};

/** What a barrier's word holds, so that one which is written over is found out. */
constexpr unsigned long long mark = 0x6261727269657221;
std::map<const unsigned long long*, Mbarrier> mbarriers;

Mbarrier& find(const char* operation, const unsigned long long* word) {
  const unsigned int address = check_shared(operation, word, 8, 8);
  auto found = mbarriers.find(word);
  if (found == mbarriers.end()) fail(launch_failed, "%s: there is no barrier at %u: barrier_init comes first", operation, address);
  if (*word != mark) fail(launch_failed, "%s: the barrier at %u was written over", operation, address);
  return found->second;
}

void end_phase_if_done(const unsigned long long* word, Mbarrier& barrier) {
  if (barrier.pending != 0 || barrier.bytes != 0) return;
  barrier.phase++;
  barrier.last = std::move(barrier.next);
  barrier.next = Clock();
  barrier.pending = barrier.arrivals;
  wake(word);
}

void let_copy_happen(const unsigned long long* word, Mbarrier& barrier, size_t which) {
  const Copy copy = std::move(barrier.copies[which]);
  barrier.copies.erase(barrier.copies.begin() + which);
  copy.take_effect();
  barrier.bytes -= copy.bytes;
  end_phase_if_done(word, barrier);
}

/** Copies come now, in any order, until the phase ends: someone waits for it and nothing else is missing. */
void let_copies_happen(const unsigned long long* word, Mbarrier& barrier) {
  const unsigned int phase = barrier.phase;
  while (barrier.phase == phase && !barrier.copies.empty()) {
    let_copy_happen(word, barrier, launch.options.seed == 0 ? 0 : random_under(barrier.copies.size()));
  }
  if (barrier.phase == phase && barrier.bytes < 0) {
    fail(launch_failed, "barrier_wait at %u: copies have brought %ld bytes more than the phase expects", shared_address(word), -barrier.bytes);
  }
}

void arrive(const char* operation, const unsigned long long* word, long bytes) {
  Mbarrier& barrier = find(operation, word);
  if (barrier.pending == 0) {
    fail(launch_failed, "%s at %u: all %d threads of the phase have arrived already", operation, shared_address(word), barrier.arrivals);
  }
  release(*present, barrier.next);
  barrier.bytes += bytes;
  barrier.pending--;
  end_phase_if_done(word, barrier);
  // Who waits now looks for the copies that are missing.
  if (barrier.pending == 0) wake(word);
}
}  // namespace

void barrier_init(unsigned long long* word, int arrivals) {
  const unsigned int address = check_shared("barrier_init", word, 8, 8);
  if (arrivals < 1 || arrivals >= 1 << 20) fail(launch_failed, "barrier_init at %u for %d arrivals", address, arrivals);
  Mbarrier barrier;
  barrier.arrivals = barrier.pending = arrivals;
  mbarriers[word] = barrier;
  *word = mark;
}

void barrier_fence_init() {}

void barrier_expect(unsigned long long* word, int bytes) {
  if (bytes < 0 || bytes >= 1 << 20) fail(launch_failed, "barrier_expect of %d bytes", bytes);
  arrive("barrier_expect", word, bytes);
}

void barrier_arrive(unsigned long long* word) { arrive("barrier_arrive", word, 0); }

void barrier_wait(unsigned long long* word, int parity) {
  if (parity != 0 && parity != 1) fail(launch_failed, "barrier_wait for parity %d", parity);
  for (;;) {
    Mbarrier& barrier = find("barrier_wait", word);
    if (barrier.pending == 0 && (barrier.phase & 1) == (unsigned int)parity) let_copies_happen(word, barrier);
    if ((barrier.phase & 1) != (unsigned int)parity) return acquire(*present, barrier.last);
    wait_for(word, "barrier_wait");
  }
}

void add_copy(unsigned long long* word, long bytes, std::function<void()> take_effect) {
  Mbarrier& barrier = find("copy_tensor", word);
  release(*present, barrier.next);
  barrier.copies.push_back({bytes, std::move(take_effect)});
  if (happens_early()) {
    let_copy_happen(word, barrier, barrier.copies.size() - 1);
  } else if (barrier.pending == 0) {
    wake(word);
  }
}

void reset_mbarriers() { mbarriers.clear(); }

void check_mbarriers_end() {
  for (const auto& [word, barrier] : mbarriers) {
    if (!barrier.copies.empty()) fail(launch_failed, "the block has ended while a copy to shared memory is under way (barrier at %u)", shared_address(word));
  }
}

std::string describe_mbarrier(const void* object) {
  const auto found = mbarriers.find(static_cast<const unsigned long long*>(object));
  if (found == mbarriers.end()) return "";
  const Mbarrier& barrier = found->second;
  return " (barrier at " + std::to_string(shared_address(object)) + ", phase " + std::to_string(barrier.phase) + ": " + std::to_string(barrier.pending) +
         " of " + std::to_string(barrier.arrivals) + " arrivals and " + std::to_string(barrier.bytes) + " bytes are missing)";
}
}  // namespace emulation
