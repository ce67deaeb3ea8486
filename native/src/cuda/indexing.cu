// Reading and writing at positions given by index tensors, and triangles of matrices. An index out of range is reported
// and its element left alone.
#include "atomics.cuh"
#include "flambeau/kernels/indexing.gen.h"
#include "kernels.h"

namespace flambeau::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kMaxIndices = kMaxDims;

enum class Reduce : int { assign, add, multiply, maximum, minimum };

// Operands of the loop: the data, the one that indices move in, then the indices.
template <int kIndices>
struct Places {
  Offsets<2 + kIndices> at;
  int count = 0;
  bool wrap = false;
  const int64_t* indices[kIndices];
  int64_t sizes[kIndices], steps[kIndices];
  ErrorSlot errors;

  // The offset that the indices make, or -1 where one is out of range.
  __device__ __forceinline__ int64_t position(int64_t i, const int64_t (&offsets)[2 + kIndices]) const {
    int64_t result = 0;
#pragma unroll
    for (int k = 0; k < kIndices; ++k) {
      if (k >= count) break;
      int64_t v = indices[k][offsets[2 + k]];
      if (v >= sizes[k] || v < (wrap ? -sizes[k] : 0)) {
        report(errors, StatusCode::index_out_of_range, i, v, sizes[k]);
        return -1;
      }
      if (v < 0) v += sizes[k];
      result += v * steps[k];
    }
    return result;
  }
};

template <typename T, int kIndices>
__global__ void get(T* out, const T* in, int64_t n, const __grid_constant__ Places<kIndices> places) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    int64_t offsets[2 + kIndices];
    places.at.at(i, offsets);
    const int64_t position = places.position(i, offsets);
    if (position >= 0) out[offsets[0]] = in[offsets[1] + position];
  }
}

template <typename T>
__device__ __forceinline__ T times(T a, T b) {
  if constexpr (kComplex<T>)
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
  else if constexpr (kHalfType<T>)
    return convert<T>(convert<float>(a) * convert<float>(b));
  else if constexpr (std::is_same_v<T, bool>)
    return a && b;
  else if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else
    return a * b;
}

// NaN wins.
template <typename T>
__device__ __forceinline__ T extreme(bool largest, T a, T b) {
  if constexpr (kComplex<T>) {
    return b;  // the host refuses extremes of complex numbers
  } else {
    const auto x = convert<ComputeOf<T>>(a), y = convert<ComputeOf<T>>(b);
    if (x != x) return a;
    if (y != y) return b;
    return (largest ? y > x : y < x) ? b : a;
  }
}

template <typename T, int kIndices>
__global__ void set(T* out, const T* values, int64_t n, const __grid_constant__ Places<kIndices> places, Reduce op) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    int64_t offsets[2 + kIndices];
    places.at.at(i, offsets);
    const int64_t position = places.position(i, offsets);
    if (position < 0) continue;
    T* to = out + offsets[1] + position;
    const T value = values[offsets[0]];
    if (op == Reduce::assign) {
      *to = value;
    } else if (op == Reduce::add) {
      if constexpr (!std::is_same_v<T, Wide>) atomic_add(to, value);
    } else if constexpr (sizeof(T) <= 8) {
      atomic_update(
          to, [&](T v) { return op == Reduce::multiply ? times(v, value) : extreme(op == Reduce::maximum, v, value); });
    }
  }
}

template <int kIndices>
Places<kIndices> places_of(const TensorView& data, const TensorView& moved, const TensorList& indices,
                           const IntList& sizes, const IntList& strides, bool wrap, int64_t& n) {
  const TensorView order = row_major(data);
  const TensorView* views[3 + kMaxIndices] = {&order, &data, &moved};
  Places<kIndices> p;
  p.count = static_cast<int>(indices.size());
  p.wrap = wrap;
  p.errors = context().errors;
  for (int k = 0; k < p.count; ++k) {
    views[3 + k] = &indices[static_cast<size_t>(k)];
    p.indices[k] = indices[static_cast<size_t>(k)].as<int64_t>();
    p.sizes[k] = sizes[static_cast<size_t>(k)];
    p.steps[k] = strides[static_cast<size_t>(k)];
  }
  // The first view fixed the order; its offsets are not needed.
  cpu::StridedLoop loop = cpu::make_loop({views, static_cast<size_t>(3 + p.count)});
  for (int d = 0; d < loop.ndim; ++d)
    for (int v = 0; v + 1 < loop.operands; ++v) loop.strides[d][v] = loop.strides[d][v + 1];
  --loop.operands;
  p.at = Offsets<2 + kIndices>(loop);
  n = loop.numel();
  return p;
}

template <typename T>
__global__ void keep_triangle(T* out, const T* in, int64_t n, int64_t rows, int64_t cols, int64_t diagonal, bool upper,
                              const __grid_constant__ Offsets<2> at) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    int64_t offsets[2];
    at.at(i, offsets);
    const int64_t col = i % cols, row = i / cols % rows;
    out[offsets[0]] = (upper ? col >= row + diagonal : col <= row + diagonal) ? in[offsets[1]] : T{};
  }
}

}  // namespace

Status index_get(IndexGetArgs& args) {
  if (args.indices.size() > kMaxIndices) return {StatusCode::engine_error, 0, 1};
  const cudaStream_t stream = context().stream;
  const auto run = [&]<int kIndices>() {
    int64_t n = 0;
    const auto places = places_of<kIndices>(args.out, args.input, args.indices, args.sizes, args.strides, args.wrap, n);
    if (n == 0) return;
    visit_size(size_of(args.out.dtype), [&]<typename T>() {
      get<T, kIndices>
          <<<blocks_for(n, kThreads), kThreads, 0, stream>>>(args.out.as<T>(), args.input.as<T>(), n, places);
    });
  };
  if (args.indices.size() <= 2)
    run.template operator()<2>();
  else
    run.template operator()<kMaxIndices>();
  return launched();
}

// Writes that meet at an element come in the order of chance: sums of floats may differ in the last bits.
Status index_set(IndexSetArgs& args) {
  if (args.indices.size() > kMaxIndices) return {StatusCode::engine_error, 0, 1};
  const auto op = static_cast<Reduce>(args.reduce);
  if (args.out.dtype == DType::c128 && op > Reduce::add) return unsupported(args.out.dtype);
  const cudaStream_t stream = context().stream;
  const auto run = [&]<int kIndices>() {
    int64_t n = 0;
    const auto places =
        places_of<kIndices>(args.values, args.out, args.indices, args.sizes, args.strides, args.wrap, n);
    if (n == 0) return;
    const auto launch = [&]<typename T>() {
      set<T, kIndices>
          <<<blocks_for(n, kThreads), kThreads, 0, stream>>>(args.out.as<T>(), args.values.as<T>(), n, places, op);
    };
    if (op == Reduce::assign && size_of(args.out.dtype) == 16)
      launch.template operator()<Wide>();
    else
      visit_types(args.out.dtype, launch);
  };
  if (args.indices.size() <= 2)
    run.template operator()<2>();
  else
    run.template operator()<kMaxIndices>();
  return launched();
}

Status triangle(TriangleArgs& args) {
  const int64_t n = args.out.numel();
  if (n == 0) return {};
  const TensorView order = row_major(args.out);
  const TensorView* views[] = {&order, &args.out, &args.input};
  cpu::StridedLoop loop = cpu::make_loop(views);
  for (int d = 0; d < loop.ndim; ++d)
    for (int v = 0; v < 2; ++v) loop.strides[d][v] = loop.strides[d][v + 1];
  loop.operands = 2;
  const int last = args.out.ndim - 1;
  visit_size(size_of(args.out.dtype), [&]<typename T>() {
    keep_triangle<<<blocks_for(n, kThreads), kThreads, 0, context().stream>>>(
        args.out.as<T>(), args.input.as<T>(), n, args.out.shape[last - 1], args.out.shape[last], args.diagonal,
        args.upper, Offsets<2>(loop));
  });
  return launched();
}

}  // namespace flambeau::cuda
