// Lines along one dimension: where each begins, and how far apart its elements are.
#pragma once
#include "device.cuh"

namespace flambeau::cuda {

template <int kCount>
struct Lines {
  Offsets<kCount> at;
  int64_t count = 0, size = 0;
  int64_t steps[kCount];

  // Views have the shape of the first except along `dim`; absent ones have no elements that are touched.
  Lines(const TensorView* const (&views)[kCount], int64_t dim) {
    TensorView rest[kCount];
    const TensorView* pointers[kCount];
    for (int v = 0; v < kCount; ++v) {
      const TensorView& t = views[v]->defined() ? *views[v] : *views[0];
      steps[v] = t.ndim == 0 ? 0 : t.strides[dim];
      if (v == 0) size = t.ndim == 0 ? 1 : t.shape[dim];
      rest[v].ndim = 0;
      for (int i = 0; i < t.ndim; ++i) {
        if (i == dim) continue;
        rest[v].shape[rest[v].ndim] = t.shape[i];
        rest[v].strides[rest[v].ndim++] = t.strides[i];
      }
      pointers[v] = &rest[v];
    }
    const cpu::StridedLoop loop = cpu::make_loop(pointers);
    count = loop.numel();
    at = Offsets<kCount>(loop);
  }
};

// A line is for one warp, of which a block has four, or for one block of 256 threads.
inline constexpr int kLineWarps = 4, kLineThreads = 256;
inline constexpr int64_t kWarpLine = 1024;  // longest line of a warp

template <bool kWarp>
__device__ __forceinline__ int64_t line_index() {
  return kWarp ? static_cast<int64_t>(blockIdx.x) * kLineWarps + threadIdx.y : blockIdx.x;
}
template <bool kWarp, typename T, typename Combine>
__device__ __forceinline__ T line_reduce(T value, const Combine& combine, T identity) {
  if constexpr (kWarp) {
    for (int step = 16; step > 0; step /= 2) value = combine(value, __shfl_xor_sync(0xffffffffu, value, step));
    return value;
  } else {
    return block_reduce(value, combine, identity);
  }
}
template <bool kWarp, typename T>
__device__ __forceinline__ T line_sum(T value) {
  return line_reduce<kWarp>(
      value, [](T a, T b) { return a + b; }, T(0));
}

// Calls launch.operator()<kWarp>(grid, block) as the lines ask for.
template <typename Launch>
void launch_lines(int64_t count, int64_t size, const Launch& launch) {
  if (size <= kWarpLine)
    launch.template operator()<true>(static_cast<unsigned>((count + kLineWarps - 1) / kLineWarps),
                                     dim3(32, kLineWarps));
  else
    launch.template operator()<false>(static_cast<unsigned>(count), dim3(kLineThreads));
}

}  // namespace flambeau::cuda
