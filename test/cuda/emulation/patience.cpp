#include "patience.h"

#include <link.h>
#include <signal.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstring>

#include "threads.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace emulation {
namespace {
constexpr int signal_number = SIGVTALRM;
timer_t timer;
struct sigaction before_limit;
volatile sig_atomic_t passed;
long limit;

/** Where the kernel's code lies. Only there is a thread stopped: this library's code might hold a lock. */
struct Code {
  size_t at;
  size_t begin, end;
} code;

int find_code(dl_phdr_info* info, size_t, void*) {
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const size_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    const size_t end = begin + info->dlpi_phdr[i].p_memsz;
    if (info->dlpi_phdr[i].p_type != PT_LOAD || code.at < begin || code.at >= end) continue;
    code.begin = begin;
    code.end = end;
    return 1;
  }
  return 0;
}

size_t place_of(const void* context) {
  const mcontext_t& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return (size_t)machine.gregs[REG_RIP];
#else
  return (size_t)machine.pc;
#endif
}

[[noreturn]] void give_up() { fail(launch_failed, "the kernel has run for %ld seconds without an end", limit); }

void on_time(int, siginfo_t*, void* context) {
  passed = 1;
  const size_t place = place_of(context);
  if (present && place >= code.begin && place < code.end) give_up();
}
}  // namespace

void limit_time(void (*kernel)(void**), long seconds) {
  passed = 0;
  limit = seconds;
  code.at = reinterpret_cast<size_t>(kernel);
  dl_iterate_phdr(find_code, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_time;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigaction(signal_number, &action, &before_limit);
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = signal_number;
  event.sigev_notify_thread_id = gettid();
  timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer);
  // Then again and again, until it meets the kernel's code.
  const itimerspec times{{0, 10'000'000}, {seconds, 0}};
  timer_settime(timer, 0, &times, nullptr);
}

void lift_limit() {
  timer_delete(timer);
  sigaction(signal_number, &before_limit, nullptr);
}

void check_time() {
  if (passed) give_up();
}
}  // namespace emulation
