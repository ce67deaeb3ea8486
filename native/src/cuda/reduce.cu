// Reductions over any dimensions. Where the elements of one result lie together, a warp or a block reads them; where
// neighbouring results do, each thread has its own and several rows of threads share the work. Few results are split
// into parts that a second kernel joins in order, so that a result depends on the shape and the device alone.
#include <memory>

#include "device.cuh"
#include "flambeau/kernels/reduce.gen.h"
#include "kernels.h"

namespace flambeau::cuda {
namespace {

// The order is that of REDUCE in packages/core/src/ops/reduce.ts.
enum class Op : int {
  sum,
  mean,
  prod,
  amax,
  amin,
  any,
  all,
  count_nonzero,
  nansum,
  norm1,
  norm2,
  norm_inf,
  norm_neg_inf,
  norm_p
};

using Cell = Complex<double>;

struct Params {
  const void* in;
  void* out;
  DType in_dtype, out_dtype;
  Op op;
  double param;
  int64_t outputs, count, per_chunk;
  int chunks;
};

// A is what is accumulated, In what is read of the input.
template <typename A, typename In>
struct Rule {
  static __device__ __forceinline__ A identity(Op op) {
    if constexpr (kComplex<A>) {
      return op == Op::prod ? A{1, 0} : A{0, 0};
    } else {
      switch (op) {
        case Op::prod:
          return A(1);
        case Op::amax:
        case Op::norm_inf:
          if constexpr (std::is_floating_point_v<A>)
            return op == Op::norm_inf ? A(0) : -A(__int_as_float(0x7f800000));
          else
            return std::numeric_limits<A>::min();
        case Op::amin:
        case Op::norm_neg_inf:
          if constexpr (std::is_floating_point_v<A>)
            return A(__int_as_float(0x7f800000));
          else
            return std::numeric_limits<A>::max();
        default:
          return A(0);
      }
    }
  }
  static __device__ __forceinline__ A map(Op op, In x, double param) {
    if constexpr (kComplex<A>) {
      if (op == Op::nansum && (x.re != x.re || x.im != x.im)) return A{0, 0};
      return x;
    } else if constexpr (std::is_same_v<In, bool>) {
      return A(x);
    } else {
      A v;
      if constexpr (kComplex<In>)
        v = static_cast<A>(hypot(x.re, x.im));
      else
        v = static_cast<A>(x);
      switch (op) {
        case Op::nansum:
          return v != v ? A(0) : v;
        case Op::norm1:
        case Op::norm_inf:
        case Op::norm_neg_inf:
          return v < A(0) ? -v : v;
        case Op::norm2:
          return v * v;
        case Op::norm_p:
          return static_cast<A>(pow(fabs(static_cast<double>(v)), param));
        default:
          return v;
      }
    }
  }
  static __device__ __forceinline__ A join(Op op, A a, A b) {
    if constexpr (kComplex<A>) {
      if (op == Op::prod) return A{a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
      return A{a.re + b.re, a.im + b.im};
    } else {
      switch (op) {
        case Op::prod:
          if constexpr (std::is_integral_v<A>)
            return static_cast<A>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
          else
            return a * b;
        case Op::amax:
        case Op::norm_inf:
          return a > b || a != a ? a : b;
        case Op::amin:
        case Op::norm_neg_inf:
          return a < b || a != a ? a : b;
        default:
          if constexpr (std::is_integral_v<A>)
            return static_cast<A>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
          else
            return a + b;
      }
    }
  }
  static __device__ __forceinline__ void finish(const Params& p, int64_t offset, A a) {
    if constexpr (kComplex<A>) {
      if (p.op == Op::mean) a = A{a.re / static_cast<double>(p.count), a.im / static_cast<double>(p.count)};
      store<A>(p.out, p.out_dtype, offset, a);
    } else {
      switch (p.op) {
        case Op::mean:
          if constexpr (std::is_floating_point_v<A>) a = a / static_cast<A>(p.count);
          break;
        case Op::norm2:
          if constexpr (std::is_floating_point_v<A>) a = sqrt(a);
          break;
        case Op::norm_p:
          if constexpr (std::is_floating_point_v<A>) a = static_cast<A>(pow(static_cast<double>(a), 1 / p.param));
          break;
        case Op::any:
          a = A(a > 0);
          break;
        case Op::all:
          a = A(a == static_cast<A>(p.count));
          break;
        default:
          break;
      }
      store<A>(p.out, p.out_dtype, offset, a);
    }
  }
};

template <typename In>
__device__ __forceinline__ In read(const Params& p, int64_t i) {
  In value{};
  if constexpr (std::is_same_v<In, bool>)
    visit(p.in_dtype, [&]<typename T>() { value = convert<bool>(static_cast<const T*>(p.in)[i]); });
  else
    value = load<In>(p.in, p.in_dtype, i);
  return value;
}
template <>
__device__ __forceinline__ float read<float>(const Params& p, int64_t i) {
  switch (p.in_dtype) {
    case DType::f32:
      return static_cast<const float*>(p.in)[i];
    case DType::f16:
      return __half2float(static_cast<const half*>(p.in)[i]);
    default:
      return __bfloat162float(static_cast<const bhalf*>(p.in)[i]);
  }
}

template <typename A>
__device__ __forceinline__ A shuffle(A value, int step) {
  if constexpr (kComplex<A>)
    return A{__shfl_xor_sync(0xffffffffu, value.re, step), __shfl_xor_sync(0xffffffffu, value.im, step)};
  else
    return __shfl_xor_sync(0xffffffffu, value, step);
}

// Block (32 · k, rows): a row of threads for each result.
template <typename A, typename In>
__global__ void __launch_bounds__(256)
    inner(const __grid_constant__ Params p, A* partial, const __grid_constant__ Offsets<2> kept,
          const __grid_constant__ Offsets<1> reduced) {
  using R = Rule<A, In>;
  const int64_t o = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  const int64_t begin = static_cast<int64_t>(blockIdx.y) * p.per_chunk;
  const int64_t end = min(p.count, begin + p.per_chunk);
  int64_t base[2] = {0, 0};
  A acc = R::identity(p.op);
  if (o < p.outputs) {
    kept.at(o, base);
    A more[3] = {acc, acc, acc};
    const int64_t step = blockDim.x;
    int64_t r = begin + threadIdx.x, at[1];
    for (; r + 3 * step < end; r += 4 * step) {
      In values[4];
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        reduced.at(r + k * step, at);
        values[k] = read<In>(p, base[0] + at[0]);
      }
      acc = R::join(p.op, acc, R::map(p.op, values[0], p.param));
#pragma unroll
      for (int k = 1; k < 4; ++k) more[k - 1] = R::join(p.op, more[k - 1], R::map(p.op, values[k], p.param));
    }
    for (; r < end; r += step) {
      reduced.at(r, at);
      acc = R::join(p.op, acc, R::map(p.op, read<In>(p, base[0] + at[0]), p.param));
    }
#pragma unroll
    for (int k = 0; k < 3; ++k) acc = R::join(p.op, acc, more[k]);
  }
  for (int step = 16; step > 0; step /= 2) acc = R::join(p.op, acc, shuffle(acc, step));
  if (blockDim.x > 32) {
    __shared__ A warps[8];
    if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = acc;
    __syncthreads();
    if (threadIdx.x == 0)
      for (int w = 1; w < static_cast<int>(blockDim.x) / 32; ++w) acc = R::join(p.op, acc, warps[w]);
  }
  if (threadIdx.x != 0 || o >= p.outputs) return;
  if (p.chunks > 1)
    partial[blockIdx.y * p.outputs + o] = acc;
  else
    R::finish(p, base[1], acc);
}

// Block (32, 8): a column of threads for each of 32 neighbouring results.
template <typename A, typename In>
__global__ void __launch_bounds__(256)
    outer(const __grid_constant__ Params p, A* partial, const __grid_constant__ Offsets<2> kept,
          const __grid_constant__ Offsets<1> reduced) {
  using R = Rule<A, In>;
  __shared__ A columns[8][32];
  const int64_t o = static_cast<int64_t>(blockIdx.x) * 32 + threadIdx.x;
  const int64_t begin = static_cast<int64_t>(blockIdx.y) * p.per_chunk;
  const int64_t end = min(p.count, begin + p.per_chunk);
  int64_t base[2] = {0, 0};
  A acc = R::identity(p.op);
  if (o < p.outputs) {
    kept.at(o, base);
    A more[3] = {acc, acc, acc};
    int64_t r = begin + threadIdx.y, at[1];
    for (; r + 24 < end; r += 32) {
      In values[4];
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        reduced.at(r + k * 8, at);
        values[k] = read<In>(p, base[0] + at[0]);
      }
      acc = R::join(p.op, acc, R::map(p.op, values[0], p.param));
#pragma unroll
      for (int k = 1; k < 4; ++k) more[k - 1] = R::join(p.op, more[k - 1], R::map(p.op, values[k], p.param));
    }
    for (; r < end; r += 8) {
      reduced.at(r, at);
      acc = R::join(p.op, acc, R::map(p.op, read<In>(p, base[0] + at[0]), p.param));
    }
#pragma unroll
    for (int k = 0; k < 3; ++k) acc = R::join(p.op, acc, more[k]);
  }
  columns[threadIdx.y][threadIdx.x] = acc;
  __syncthreads();
  if (threadIdx.y != 0 || o >= p.outputs) return;
  for (int k = 1; k < 8; ++k) acc = R::join(p.op, acc, columns[k][threadIdx.x]);
  if (p.chunks > 1)
    partial[blockIdx.y * p.outputs + o] = acc;
  else
    R::finish(p, base[1], acc);
}

// A warp joins the parts of one result: each lane has its own, and lanes are joined in order.
template <typename A, typename In>
__global__ void join_parts(const __grid_constant__ Params p, const A* partial,
                           const __grid_constant__ Offsets<2> kept) {
  using R = Rule<A, In>;
  const int64_t o = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (o >= p.outputs) return;
  A acc = R::identity(p.op);
  for (int k = threadIdx.x; k < p.chunks; k += 32) acc = R::join(p.op, acc, partial[k * p.outputs + o]);
  for (int step = 16; step > 0; step /= 2) acc = R::join(p.op, acc, shuffle(acc, step));
  int64_t base[2];
  kept.at(o, base);
  if (threadIdx.x == 0) R::finish(p, base[1], acc);
}

// The loops of one reduction: over what is kept (input, output), and over what is reduced (input).
struct Geometry {
  cpu::StridedLoop kept, reduced;
  int64_t outputs = 1, count = 1;

  Geometry(const TensorView& out, const TensorView& in) {
    TensorView kept_in = in, kept_out = out, reduced_in = in;
    kept_in.ndim = kept_out.ndim = reduced_in.ndim = 0;
    for (int i = 0; i < in.ndim; ++i) {
      const bool keep = out.shape[i] == in.shape[i];
      TensorView& view = keep ? kept_in : reduced_in;
      view.shape[view.ndim] = in.shape[i];
      view.strides[view.ndim++] = in.strides[i];
      if (keep) {
        kept_out.shape[kept_out.ndim] = out.shape[i];
        kept_out.strides[kept_out.ndim++] = out.strides[i];
        outputs *= out.shape[i];
      } else {
        count *= in.shape[i];
      }
    }
    const TensorView* kept_views[] = {&kept_in, &kept_out};
    const TensorView* reduced_views[] = {&reduced_in};
    kept = cpu::make_loop(kept_views);
    reduced = cpu::make_loop(reduced_views);
  }
  bool across() const {
    if (kept.ndim == 0) return false;
    if (reduced.ndim == 0) return true;
    const int64_t k = std::abs(kept.strides[0][0]), r = std::abs(reduced.strides[0][0]);
    return kept.shape[0] >= 8 && k != 0 && (r == 0 || k < r);
  }
};

template <typename A, typename In>
Status run(const Geometry& g, Params p) {
  const Context& c = context();
  const bool across = g.across();
  // Long reductions take a whole block for a result, short ones a warp.
  const int lanes = across ? 32 : p.count >= 2048 ? 256 : 32;
  const int per_block = across ? 32 : 256 / lanes;
  const int64_t blocks = (p.outputs + per_block - 1) / per_block;
  const int64_t work = across ? 256 : 4096;  // elements that a part of a result has at least
  const int64_t wanted = (2 * c.multiprocessors + blocks - 1) / blocks;
  int64_t chunks = std::min<int64_t>(std::min<int64_t>(wanted, 1024), p.count / work);
  if (chunks < 1) chunks = 1;
  p.per_chunk = (p.count + chunks - 1) / chunks;
  p.chunks = static_cast<int>(chunks);
  if (blocks >= (int64_t{1} << 31)) return {StatusCode::engine_error, 0, 4};
  std::unique_ptr<Workspace> parts;
  A* partial = nullptr;
  if (chunks > 1) {
    parts = std::make_unique<Workspace>(static_cast<size_t>(chunks * p.outputs) * sizeof(A));
    partial = parts->as<A>();
  }
  const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(chunks));
  const Offsets<2> kept(g.kept);
  const Offsets<1> reduced(g.reduced);
  if (across)
    outer<A, In><<<grid, dim3(32, 8), 0, c.stream>>>(p, partial, kept, reduced);
  else
    inner<A, In><<<grid, dim3(lanes, per_block), 0, c.stream>>>(p, partial, kept, reduced);
  if (chunks > 1)
    join_parts<A, In><<<static_cast<unsigned>((p.outputs + 7) / 8), dim3(32, 8), 0, c.stream>>>(p, partial, kept);
  return launched();
}

// The variance of a line in two passes: the mean first.
template <typename R>
__global__ void __launch_bounds__(512)
    variances(const __grid_constant__ Params p, void* mean, DType mean_dtype, double correction, bool root,
              const __grid_constant__ Offsets<3> kept, const __grid_constant__ Offsets<1> reduced) {
  for (int64_t o = blockIdx.x; o < p.outputs; o += gridDim.x) {
    int64_t base[3], at[1];
    kept.at(o, base);
    R sum = 0;
    for (int64_t r = threadIdx.x; r < p.count; r += blockDim.x) {
      reduced.at(r, at);
      sum += load<R>(p.in, p.in_dtype, base[0] + at[0]);
    }
    const R center = block_sum(sum) / static_cast<R>(p.count);
    R squares = 0;
    for (int64_t r = threadIdx.x; r < p.count; r += blockDim.x) {
      reduced.at(r, at);
      const R d = load<R>(p.in, p.in_dtype, base[0] + at[0]) - center;
      squares += d * d;
    }
    squares = block_sum(squares);
    if (threadIdx.x == 0) {
      const double free = static_cast<double>(p.count) - correction;
      const R value = static_cast<R>(static_cast<double>(squares) / (free > 0 ? free : 0.0));
      store<R>(p.out, p.out_dtype, base[1], root ? sqrt(value) : value);
      if (mean) store<R>(mean, mean_dtype, base[2], center);
    }
    __syncthreads();
  }
}

}  // namespace

Status reduce(ReduceArgs& args) {
  const Geometry g(args.out, args.input);
  if (g.outputs == 0) return {};
  const Params p{args.input.data, args.out.data, args.input.dtype, args.out.dtype, static_cast<Op>(args.op),
                 args.param,      g.outputs,     g.count,          g.count,        1};
  const bool counts = p.op == Op::any || p.op == Op::all || p.op == Op::count_nonzero;
  if (counts) return run<int64_t, bool>(g, p);
  const DType dtype = args.input.dtype;
  if (is_complex(dtype)) {
    if (p.op == Op::amax || p.op == Op::amin) return unsupported(dtype);
    if (p.op >= Op::norm1) return run<double, Cell>(g, p);
    return run<Cell, Cell>(g, p);
  }
  if (dtype == DType::f64) return run<double, double>(g, p);
  if (is_floating(dtype)) return run<float, float>(g, p);
  return p.op >= Op::norm1 ? unsupported(dtype) : run<int64_t, int64_t>(g, p);
}

Status variance(VarianceArgs& args) {
  const Geometry g(args.out, args.input);
  if (g.outputs == 0) return {};
  if (!is_floating(args.input.dtype)) return unsupported(args.input.dtype);
  // The means have strides of their own.
  TensorView kept[3] = {args.input, args.out, args.mean.defined() ? args.mean : args.out};
  int ndim = 0;
  for (int i = 0; i < args.input.ndim; ++i) {
    if (args.out.shape[i] != args.input.shape[i]) continue;
    for (TensorView& v : kept) {
      v.shape[ndim] = args.input.shape[i];
      v.strides[ndim] = v.strides[i];
    }
    ++ndim;
  }
  for (TensorView& v : kept) v.ndim = ndim;
  const TensorView* views[3] = {&kept[0], &kept[1], &kept[2]};
  const Offsets<3> at(cpu::make_loop(views));
  const Params p{
      args.input.data, args.out.data, args.input.dtype, args.out.dtype, Op::sum, 0, g.outputs, g.count, g.count, 1};
  void* mean = args.mean.defined() ? args.mean.data : nullptr;
  const DType mean_dtype = args.mean.defined() ? args.mean.dtype : DType::f32;
  const int threads = g.count >= 2048 ? 512 : g.count >= 256 ? 128 : 32;
  const auto blocks = static_cast<unsigned>(std::min<int64_t>(g.outputs, 65535));
  const Offsets<1> reduced(g.reduced);
  if (args.input.dtype == DType::f64)
    variances<double>
        <<<blocks, threads, 0, context().stream>>>(p, mean, mean_dtype, args.correction, args.root, at, reduced);
  else
    variances<float>
        <<<blocks, threads, 0, context().stream>>>(p, mean, mean_dtype, args.correction, args.root, at, reduced);
  return launched();
}

}  // namespace flambeau::cuda
