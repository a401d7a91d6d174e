#include "faults.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <initializer_list>

#include "global-memory.h"
#include "threads.h"

namespace emulation {
namespace {
constexpr int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
struct sigaction before[sizeof signals / sizeof signals[0]];
stack_t stack_before;
alignas(16) unsigned char signal_stack[64 * 1024];
pid_t owner;

void on_fault(int signal, siginfo_t* info, void*) {
  if (gettid() != owner) {
    // Another thread's fault is not ours: as if nobody had asked for it.
    release_faults();
    return;
  }
  if (signal == SIGFPE) fail(launch_failed, "an integer was divided by zero");
  if (signal == SIGILL) fail(launch_failed, "the program has reached what it declared unreachable");
  if (present && info->si_addr >= present->stack - 4096 && info->si_addr < present->stack + 4096) {
    fail(illegal_address, "the thread's stack is full: variables of a thread take more than 256 KiB");
  }
  fail(illegal_address, "illegal address%s", describe_address(info->si_addr).c_str());
}
}  // namespace

void catch_faults() {
  owner = gettid();
  stack_t stack{};
  stack.ss_sp = signal_stack;
  stack.ss_size = sizeof signal_stack;
  sigaltstack(&stack, &stack_before);
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  int i = 0;
  for (int signal : signals) sigaction(signal, &action, &before[i++]);
}

void release_faults() {
  int i = 0;
  for (int signal : signals) sigaction(signal, &before[i++], nullptr);
  sigaltstack(&stack_before, nullptr);
}
}  // namespace emulation
