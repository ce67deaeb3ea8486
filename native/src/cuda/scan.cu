// Extremes with their positions, and running sums, products and extremes along a dimension.
#include "flambeau/kernels/scan.gen.h"
#include "kernels.h"
#include "lines.cuh"

namespace flambeau::cuda {
namespace {

// The order is that of SCAN in packages/core/src/ops/scans.ts.
enum class Op : int { cumsum, cumprod, logcumsumexp, cummax, cummin };

// Running values are kept in double, or in unsigned integers, which wrap.
template <typename T>
using Running = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;

constexpr int kThreads = 256;

template <typename A>
__device__ __forceinline__ A joined(Op op, A a, A b) {
  if (op == Op::cumsum) return a + b;
  if (op == Op::cumprod) return a * b;
  if constexpr (std::is_floating_point_v<A>) {
    if (a != a || b != b) return a + b;
    const A high = a > b ? a : b, low = a > b ? b : a;
    return isinf(high) ? high : high + log1p(exp(low - high));
  }
  return a;
}

// A block takes a line in pieces of as many elements as it has threads.
template <typename T>
__global__ void running(T* out, const T* in, const __grid_constant__ Lines<2> lines, Op op) {
  using A = Running<T>;
  __shared__ A warps[kThreads / 32];
  __shared__ A carried;
  int64_t at[2];
  lines.at.at(blockIdx.x, at);
  const A start = op == Op::cumprod ? A(1) : op == Op::cumsum ? A(0) : A(-__longlong_as_double(0x7ff0000000000000ll));
  if (threadIdx.x == 0) carried = start;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  for (int64_t from = 0; from < lines.size; from += kThreads) {
    const int64_t i = from + threadIdx.x;
    A value = i < lines.size ? convert<A>(in[at[0] + i * lines.steps[0]]) : start;
    for (int step = 1; step < 32; step *= 2) {
      const A other = __shfl_up_sync(0xffffffffu, value, step);
      if (lane >= step) value = joined(op, other, value);
    }
    if (lane == 31) warps[warp] = value;
    __syncthreads();
    A before = carried;
    for (int w = 0; w < warp; ++w) before = joined(op, before, warps[w]);
    value = joined(op, before, value);
    if (i < lines.size) out[at[1] + i * lines.steps[1]] = convert<T>(value);
    __syncthreads();
    if (threadIdx.x == kThreads - 1) carried = value;
    __syncthreads();
  }
}

template <typename C>
__device__ __forceinline__ bool is_nan(C x) {
  return x != x;
}

// The latest position wins among equals, and a NaN stays.
template <typename T>
__global__ void running_extreme(T* out, int64_t* indices, const T* in, const __grid_constant__ Lines<3> lines,
                                bool largest) {
  using C = ComputeOf<T>;
  const int64_t line = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (line >= lines.count) return;
  int64_t at[3];
  lines.at.at(line, at);
  C best{};
  int64_t index = 0;
  for (int64_t k = 0; k < lines.size; ++k) {
    const C x = convert<C>(in[at[0] + k * lines.steps[0]]);
    if (k == 0 || is_nan(x) || (!is_nan(best) && (largest ? x >= best : x <= best))) {
      best = x;
      index = k;
    }
    out[at[1] + k * lines.steps[1]] = convert<T>(best);
    indices[at[2] + k * lines.steps[2]] = index;
  }
}

// The first position wins among equals, and the first NaN above all.
template <typename C>
__device__ __forceinline__ bool better(bool largest, C x, int64_t i, C best, int64_t best_index) {
  if (best_index < 0) return true;
  if (i < 0) return false;
  const bool x_nan = is_nan(x), best_nan = is_nan(best);
  if (x_nan != best_nan) return x_nan;
  if (!x_nan && x != best) return largest ? x > best : x < best;
  return i < best_index;
}

template <bool kWarp, typename T>
__global__ void extremes(int64_t* indices, T* values, const T* in, const __grid_constant__ Lines<3> lines,
                         bool largest) {
  using C = ComputeOf<T>;
  const int64_t line = line_index<kWarp>();
  if (line >= lines.count) return;
  int64_t at[3];
  lines.at.at(line, at);
  C best{};
  int64_t index = -1;
  const int lanes = kWarp ? 32 : kLineThreads;
  for (int64_t i = threadIdx.x; i < lines.size; i += lanes) {
    const C x = convert<C>(in[at[0] + i * lines.steps[0]]);
    if (better(largest, x, i, best, index)) {
      best = x;
      index = i;
    }
  }
  const auto meet = [&](C x, int64_t i) {
    if (better(largest, x, i, best, index)) {
      best = x;
      index = i;
    }
  };
  for (int step = 16; step > 0; step /= 2) {
    const C x = __shfl_xor_sync(0xffffffffu, best, step);
    const int64_t i = __shfl_xor_sync(0xffffffffu, index, step);
    meet(x, i);
  }
  if constexpr (!kWarp) {
    __shared__ C warp_best[kLineThreads / 32];
    __shared__ int64_t warp_index[kLineThreads / 32];
    if (threadIdx.x % 32 == 0) {
      warp_best[threadIdx.x / 32] = best;
      warp_index[threadIdx.x / 32] = index;
    }
    __syncthreads();
    if (threadIdx.x == 0)
      for (int w = 1; w < kLineThreads / 32; ++w) meet(warp_best[w], warp_index[w]);
  }
  if (threadIdx.x != 0) return;
  indices[at[2]] = index;
  if (values) values[at[1]] = convert<T>(best);
}

}  // namespace

Status scan(ScanArgs& args) {
  if (args.input.numel() == 0) return {};
  const Op op = static_cast<Op>(args.op);
  if (is_complex(args.input.dtype)) return unsupported(args.input.dtype);
  if (op == Op::logcumsumexp && !is_floating(args.input.dtype)) return unsupported(args.input.dtype);
  const cudaStream_t stream = context().stream;
  visit_types(args.input.dtype, [&]<typename T>() {
    if constexpr (!kComplex<T>) {
      if (op == Op::cummax || op == Op::cummin) {
        const Lines<3> lines({&args.input, &args.out, &args.indices}, args.dim);
        running_extreme<<<static_cast<unsigned>((lines.count + 127) / 128), 128, 0, stream>>>(
            args.out.as<T>(), args.indices.as<int64_t>(), args.input.as<T>(), lines, op == Op::cummax);
      } else {
        const Lines<2> lines({&args.input, &args.out}, args.dim);
        running<<<static_cast<unsigned>(lines.count), kThreads, 0, stream>>>(args.out.as<T>(), args.input.as<T>(),
                                                                             lines, op);
      }
    }
  });
  return launched();
}

Status arg_extreme(ArgExtremeArgs& args) {
  if (args.indices.numel() == 0) return {};
  if (is_complex(args.input.dtype)) return unsupported(args.input.dtype);
  const Lines<3> lines({&args.input, &args.values, &args.indices}, args.dim);
  visit_types(args.input.dtype, [&]<typename T>() {
    if constexpr (!kComplex<T>)
      launch_lines(lines.count, lines.size, [&]<bool kWarp>(unsigned grid, dim3 block) {
        extremes<kWarp, T><<<grid, block, 0, context().stream>>>(args.indices.as<int64_t>(),
                                                                 args.values.defined() ? args.values.as<T>() : nullptr,
                                                                 args.input.as<T>(), lines, args.largest);
      });
  });
  return launched();
}

}  // namespace flambeau::cuda
