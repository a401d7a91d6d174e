/** An end for kernels that do not come to one by themselves. */
#pragma once

namespace emulation {
/** From now on the present thread's processor time is measured: after so many seconds of it a kernel fails. */
void limit_time(void (*kernel)(void**), long seconds);
void lift_limit();
/** Fails where the limit is passed: between threads, when no code of the kernel can be interrupted. */
void check_time();
}  // namespace emulation
