// Copies between any strides and dtypes, fills, and ranges of numbers.
#include "atomics.cuh"
#include "flambeau/kernels/copy.gen.h"
#include "flambeau/kernels/creation.gen.h"
#include "flambeau/kernels/strided_add.gen.h"
#include "kernels.h"

namespace flambeau::cuda {
namespace {

constexpr int kThreads = 256;

template <typename T>
__global__ void copy_same(T* out, const T* in, int64_t n, const __grid_constant__ Offsets<2> at) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    int64_t offsets[2];
    at.at(i, offsets);
    out[offsets[0]] = in[offsets[1]];
  }
}

// A transposed pair of dimensions goes through a tile in shared memory, so that both sides use whole lines.
constexpr int kTile = 32, kTileRows = 8;
template <typename T>
__global__ void transpose(T* out, const T* in, int64_t rows, int64_t cols, int64_t out_row, int64_t in_col,
                          int64_t row_tiles, int64_t col_tiles, const __grid_constant__ Offsets<2> planes) {
  __shared__ T tile[kTile][kTile + 1];
  const int64_t tiles = row_tiles * col_tiles, plane = blockIdx.x / tiles, which = blockIdx.x % tiles;
  int64_t base[2];
  planes.at(plane, base);
  const int64_t r0 = which / col_tiles * kTile, c0 = which % col_tiles * kTile;
  // in[r + c·in_col], out[r·out_row + c]
  for (int k = threadIdx.y; k < kTile; k += kTileRows)
    if (r0 + threadIdx.x < rows && c0 + k < cols)
      tile[k][threadIdx.x] = in[base[1] + r0 + threadIdx.x + (c0 + k) * in_col];
  __syncthreads();
  for (int k = threadIdx.y; k < kTile; k += kTileRows)
    if (r0 + k < rows && c0 + threadIdx.x < cols)
      out[base[0] + (r0 + k) * out_row + c0 + threadIdx.x] = tile[threadIdx.x][k];
}

// S holds every value of the source's kind: float64, int64 or complex128.
template <typename S>
__global__ void copy_cast(void* out, DType to, const void* in, DType from, int64_t n,
                          const __grid_constant__ Offsets<2> at) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    int64_t offsets[2];
    at.at(i, offsets);
    const S value = load<S>(in, from, offsets[1]);
    visit(to, [&]<typename T>() { static_cast<T*>(out)[offsets[0]] = convert<T>(value); });
  }
}

template <typename T>
__global__ void fill_with(T* out, T value, int64_t n, const __grid_constant__ Offsets<1> at) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    int64_t offsets[1];
    at.at(i, offsets);
    out[offsets[0]] = value;
  }
}

template <typename T>
T host_scalar(const Scalar& s) {
  if constexpr (kComplex<T>)
    return s.kind == Scalar::Kind::integer
               ? T{static_cast<typename T::value_type>(s.integer), 0}
               : T{static_cast<typename T::value_type>(s.re), static_cast<typename T::value_type>(s.im)};
  else if constexpr (kHalfType<T>)
    return convert<T>(s.to<float>());
  else
    return s.to<T>();
}

template <typename T>
__global__ void range(T* out, int64_t n, int64_t start, int64_t step) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n)
    out[i] = convert<T>(
        static_cast<int64_t>(static_cast<uint64_t>(start) + static_cast<uint64_t>(step) * static_cast<uint64_t>(i)));
}
template <typename T>
__global__ void range(T* out, int64_t n, double start, double step) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) out[i] = convert<T>(start + step * static_cast<double>(i));
}

// Counts from the nearer end, so that both ends are exact. Half types round every step.
template <typename T, typename Value>
__global__ void spaced(T* out, int64_t n, Value start, Value end, Value step) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const bool first = i < n / 2 || n == 1;
  const Value k = static_cast<Value>(first ? i : n - i - 1);
  Value part;
  if constexpr (kHalfType<T>)
    part = convert<float>(convert<T>(step * k));
  else
    part = step * k;
  out[i] = convert<T>(first ? start + part : end - part);
}

template <typename T>
__global__ void add_strided(T* out, const T* in, int64_t n, const __grid_constant__ Offsets<2> at) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= n) return;
  int64_t offsets[2];
  at.at(i, offsets);
  atomic_add(out + offsets[1], in[offsets[0]]);
}

}  // namespace

Status copy(CopyArgs& args) {
  const TensorView* views[] = {&args.out, &args.input};
  const cpu::StridedLoop loop = cpu::make_loop(views);
  const int64_t n = loop.numel();
  if (n == 0) return {};
  const cudaStream_t stream = context().stream;
  const unsigned blocks = blocks_for(n, kThreads);
  if (args.out.dtype == args.input.dtype) {
    const size_t size = size_of(args.out.dtype);
    if (loop.ndim == 0 || (loop.ndim == 1 && loop.strides[0][0] == 1 && loop.strides[0][1] == 1))
      return status_of(cudaMemcpyAsync(args.out.data, args.input.data, static_cast<size_t>(n) * size,
                                       cudaMemcpyDeviceToDevice, stream));
    visit_size(size, [&]<typename T>() {
      if (loop.ndim >= 2 && loop.strides[0][0] == 1 && loop.strides[1][1] == 1 && loop.strides[0][1] > 1 &&
          loop.shape[0] >= 8 && loop.shape[1] >= 8) {
        const int64_t cols = loop.shape[0], rows = loop.shape[1];
        const int64_t row_tiles = (rows + kTile - 1) / kTile, col_tiles = (cols + kTile - 1) / kTile;
        cpu::StridedLoop rest;
        rest.operands = 2;
        rest.ndim = loop.ndim - 2;
        for (int d = 0; d < rest.ndim; ++d) {
          rest.shape[d] = loop.shape[d + 2];
          rest.strides[d][0] = loop.strides[d + 2][0];
          rest.strides[d][1] = loop.strides[d + 2][1];
        }
        const int64_t count = rest.numel() * row_tiles * col_tiles;
        if (count < (int64_t{1} << 31)) {
          transpose<<<static_cast<unsigned>(count), dim3(kTile, kTileRows), 0, stream>>>(
              args.out.as<T>(), args.input.as<T>(), rows, cols, loop.strides[1][0], loop.strides[0][1], row_tiles,
              col_tiles, Offsets<2>(rest));
          return;
        }
      }
      copy_same<<<blocks, kThreads, 0, stream>>>(args.out.as<T>(), args.input.as<T>(), n, Offsets<2>(loop));
    });
    return launched();
  }
  const DType from = args.input.dtype, to = args.out.dtype;
  if (is_complex(from))
    copy_cast<Complex<double>>
        <<<blocks, kThreads, 0, stream>>>(args.out.data, to, args.input.data, from, n, Offsets<2>(loop));
  else if (is_floating(from))
    copy_cast<double><<<blocks, kThreads, 0, stream>>>(args.out.data, to, args.input.data, from, n, Offsets<2>(loop));
  else
    copy_cast<int64_t><<<blocks, kThreads, 0, stream>>>(args.out.data, to, args.input.data, from, n, Offsets<2>(loop));
  return launched();
}

Status fill(FillArgs& args) {
  const TensorView* views[] = {&args.out};
  const cpu::StridedLoop loop = cpu::make_loop(views);
  const int64_t n = loop.numel();
  if (n == 0) return {};
  const cudaStream_t stream = context().stream;
  const bool contiguous = loop.ndim == 0 || (loop.ndim == 1 && loop.strides[0][0] == 1);
  Status status;
  visit_types(args.out.dtype, [&]<typename T>() {
    const T value = host_scalar<T>(args.value);
    bool zero = true;
    for (size_t i = 0; i < sizeof(T); ++i) zero = zero && reinterpret_cast<const unsigned char*>(&value)[i] == 0;
    if (zero && contiguous)
      status = status_of(cudaMemsetAsync(args.out.data, 0, static_cast<size_t>(n) * sizeof(T), stream));
    else
      fill_with<<<blocks_for(n, kThreads), kThreads, 0, stream>>>(args.out.as<T>(), value, n, Offsets<1>(loop));
  });
  return status.ok() ? launched() : status;
}

Status arange(ArangeArgs& args) {
  const int64_t n = args.out.numel();
  if (n == 0) return {};
  const auto blocks = static_cast<unsigned>((n + kThreads - 1) / kThreads);
  const cudaStream_t stream = context().stream;
  visit_types(args.out.dtype, [&]<typename T>() {
    if (args.start.kind == Scalar::Kind::integer && args.step.kind == Scalar::Kind::integer && std::is_integral_v<T>) {
      range<<<blocks, kThreads, 0, stream>>>(args.out.as<T>(), n, args.start.integer, args.step.integer);
    } else {
      const double start = args.start.to<double>(), step = args.step.to<double>();
      // An integer range starts and steps in integers.
      const bool is_whole = std::is_integral_v<T>;
      range<<<blocks, kThreads, 0, stream>>>(args.out.as<T>(), n, is_whole ? std::trunc(start) : start,
                                             is_whole ? std::trunc(step) : step);
    }
  });
  return launched();
}

Status linspace(LinspaceArgs& args) {
  const int64_t n = args.out.numel();
  if (n == 0) return {};
  if (is_complex(args.out.dtype)) return unsupported(args.out.dtype);
  const auto blocks = static_cast<unsigned>((n + kThreads - 1) / kThreads);
  const cudaStream_t stream = context().stream;
  visit_types(args.out.dtype, [&]<typename T>() {
    if constexpr (!kComplex<T>) {
      using Value = std::conditional_t<kHalfType<T> || std::is_same_v<T, float>, float, double>;
      const auto round = [](Value v) { return convert<Value>(convert<T>(v)); };
      Value start = args.start.to<Value>(), end = args.end.to<Value>();
      // Integer ends are truncated first; the step is fractional.
      if constexpr (std::is_integral_v<T> || kHalfType<T>) {
        start = round(start);
        end = round(end);
      }
      Value step = n > 1 ? (end - start) / static_cast<Value>(n - 1) : Value(0);
      if constexpr (kHalfType<T>) step = n > 1 ? round(round(end - start) / static_cast<Value>(n - 1)) : Value(0);
      spaced<<<blocks, kThreads, 0, stream>>>(args.out.as<T>(), n, start, end, step);
    }
  });
  return launched();
}

// Sums are in the order in which the device comes to them, so floats may differ in the last bits from run to run.
Status strided_add(StridedAddArgs& args) {
  const TensorView* views[] = {&args.input, &args.out};
  const cpu::StridedLoop loop = cpu::make_loop(views);
  const int64_t n = loop.numel();
  if (n == 0) return {};
  const auto blocks = static_cast<unsigned>((n + kThreads - 1) / kThreads);
  const cudaStream_t stream = context().stream;
  visit_types(args.out.dtype, [&]<typename T>() {
    add_strided<<<blocks, kThreads, 0, stream>>>(args.out.as<T>(), args.input.as<T>(), n, Offsets<2>(loop));
  });
  return launched();
}

}  // namespace flambeau::cuda
