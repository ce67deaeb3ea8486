// Memory that kernels borrow for each thread of a loop.
#pragma once
#include <omp.h>

#include <cstdint>

#include "engine.h"

namespace flambeau::cpu {

// `size` floats for every thread, allocated before the loop: inside of one nothing may throw.
class PerThread {
 public:
  explicit PerThread(int64_t size)
      : size_(size), memory_(static_cast<size_t>(size * omp_get_max_threads()) * sizeof(float)) {}
  float* mine() const { return memory_.as<float>() + (omp_in_parallel() ? omp_get_thread_num() : 0) * size_; }

 private:
  int64_t size_;
  Workspace memory_;
};

}  // namespace flambeau::cpu
