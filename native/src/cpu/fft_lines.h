// Transforms by a plan: of a block of lines side by side, or of one long line in two steps on all threads.
#pragma once
#include <omp.h>

#include "engine.h"
#include "fft_blocks.h"

namespace flambeau::cpu::fft {

template <typename R>
const BlockFunctions<R>& blocks() {
  return block_functions(R{});
}

// Rows that a block of a plan of length m has room for.
inline int64_t block_rows(int64_t m) { return (m + kMaxLanes) / kMaxLanes * kMaxLanes; }

// Two blocks for each thread of a parallel region, allocated before it since a failure may not leave the region.
template <typename R>
class Scratch {
 public:
  explicit Scratch(int64_t rows)
      : nested_(omp_in_parallel()),
        size_(rows * 2 * blocks<R>().lanes),
        memory_(static_cast<size_t>((nested_ ? 1 : omp_get_max_threads()) * 2 * size_) * sizeof(R)) {}
  R* first() const { return memory_.template as<R>() + (nested_ ? 0 : omp_get_thread_num()) * 2 * size_; }
  R* second() const { return first() + size_; }

 private:
  bool nested_;
  int64_t size_;
  Workspace memory_;
};

// A plan that does not split. `a` holds plan.n elements of each lane; returns the block with the result.
template <typename R>
R* transform_block(const Plan<R>& plan, R* a, R* b);

// A plan that splits: plan.n elements from lane 0 of `from`, the first `limit` results times re and im to lane 0 of
// `to`. Both may be the same memory.
template <typename R>
void transform_line(const Plan<R>& plan, const Planes<const R>& from, const Planes<R>& to, int64_t limit, R re, R im);

// n pairs, for tables.
void transform_pairs(const double* in, double* out, int64_t n);

}  // namespace flambeau::cpu::fft
