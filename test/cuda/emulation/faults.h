/** Signals of the processor during a launch become failures of the launch. */
#pragma once

namespace emulation {
void catch_faults();
void release_faults();
}  // namespace emulation
