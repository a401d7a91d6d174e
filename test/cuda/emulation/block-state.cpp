#include "block-state.h"

namespace emulation {
void reset_block_state() {
  reset_barriers();
  reset_mbarriers();
  reset_products();
}

std::string describe_wait(const void* object) {
  const std::string barrier = describe_barrier(object);
  return barrier.empty() ? describe_mbarrier(object) : barrier;
}
}  // namespace emulation
