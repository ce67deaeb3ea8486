// Signals that wait until a call of oneDNN has ended. Its matrix products for AVX and AVX-512 that do not copy their
// operands run, from some depth on, with the stack pointer in a buffer on the heap: a signal's handler would write over
// what lies in front of it. Node handles signals (a child's end, a terminal's size, a profiler's clock) on whichever
// thread they come to.
#pragma once
#include <omp.h>

#ifndef _WIN32
#include <signal.h>
#endif

namespace flambeau::cpu {

class SignalsWait {
#ifndef _WIN32
 public:
  SignalsWait() {
    const sigset_t signals = asynchronous();
    pthread_sigmask(SIG_BLOCK, &signals, &before_);
    // The threads that help this one never take signals; those that it makes from here on are born so.
    thread_local int quiet = 1;
    if (omp_in_parallel() || omp_get_max_threads() <= quiet) return;
    quiet = omp_get_max_threads();
#pragma omp parallel num_threads(quiet)
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  }
  ~SignalsWait() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsWait(const SignalsWait&) = delete;

 private:
  // All but those that an instruction itself raises.
  static sigset_t asynchronous() {
    sigset_t signals;
    sigfillset(&signals);
    for (const int raised : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP}) sigdelset(&signals, raised);
    return signals;
  }
  sigset_t before_;
#else
 public:
  SignalsWait() = default;
#endif
};

}  // namespace flambeau::cpu
