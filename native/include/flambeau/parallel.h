// Threads for kernels, on the OpenMP runtime that oneDNN and OpenBLAS use too.
#pragma once
#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace flambeau {

// Elements below which a second thread costs more than it brings, for simple arithmetic.
inline constexpr int64_t kGrain = 32768;

// Calls body(begin, end) over [0, n) in one contiguous chunk a thread; chunks are multiples of `align` except the last.
// The split depends on n and the number of threads only, so that a run repeats bit for bit.
template <typename Body>
void parallel_for(int64_t n, int64_t grain, const Body& body, int64_t align = 1) {
  if (n <= 0) return;
  const int64_t wanted = std::max<int64_t>(1, n / std::max<int64_t>(1, grain));
  const int threads = static_cast<int>(std::min<int64_t>(omp_get_max_threads(), wanted));
  if (threads <= 1 || omp_in_parallel()) {
    body(int64_t{0}, n);
    return;
  }
  int64_t chunk = (n + threads - 1) / threads;
  chunk = (chunk + align - 1) / align * align;
#pragma omp parallel num_threads(threads)
  {
    // The runtime may give fewer threads than asked for: each takes every k-th chunk.
    for (int64_t begin = omp_get_thread_num() * chunk; begin < n; begin += omp_get_num_threads() * chunk)
      body(begin, std::min(n, begin + chunk));
  }
}

}  // namespace flambeau
