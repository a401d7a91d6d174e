/** Mistakes of an emulated kernel: the launch ends, its caller gets a CUDA error code and the message. */
#pragma once
#include <string>

namespace emulation {
/** Codes of the driver API, as far as kernels cause them. */
enum FailureCode { illegal_address = 700, misaligned_address = 716, launch_failed = 719 };

struct Failure {
  int code = 0;
  std::string message;
};

/** Ends the launch that is under way. The message is printf's; kernel, block and thread are put before it. */
[[noreturn]] void fail(FailureCode code, const char* format, ...) __attribute__((format(printf, 2, 3)));
}  // namespace emulation
