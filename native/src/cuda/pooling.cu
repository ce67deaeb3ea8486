// Max and average pooling over 1 to 3 dimensions: a thread for each output, or for each input on the way back.
#include "atomics.cuh"
#include "flambeau/kernels/pooling.gen.h"
#include "kernels.h"

namespace flambeau::cuda {
namespace {

constexpr int kThreads = 256;

struct Pool {
  int64_t planes = 1;
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1};
  int64_t kernel[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, padding[3] = {0, 0, 0}, dilation[3] = {1, 1, 1};
  bool adaptive = false;

  __host__ __device__ int64_t in_size() const { return in[0] * in[1] * in[2]; }
  __host__ __device__ int64_t out_size() const { return out[0] * out[1] * out[2]; }
};

// The input positions begin, begin + step, … < end of one output position; `count` includes padding.
struct Window {
  int64_t begin, end, step, count;
};
__device__ __forceinline__ Window window(const Pool& p, int d, int64_t o) {
  Window w{0, 1, 1, 1};
  if (p.adaptive) {
    w.begin = o * p.in[d] / p.out[d];
    w.end = ((o + 1) * p.in[d] + p.out[d] - 1) / p.out[d];
    w.count = w.end - w.begin;
    return w;
  }
  const int64_t step = p.dilation[d];
  w.step = step;
  w.begin = o * p.stride[d] - p.padding[d];
  w.end = w.begin + (p.kernel[d] - 1) * step + 1;
  w.count = min(w.end, p.in[d] + p.padding[d]) - w.begin;
  if (w.begin < 0) w.begin += (-w.begin + step - 1) / step * step;
  w.end = min(w.end, p.in[d]);
  return w;
}

void set_extents(Pool& p, const TensorView& output, const TensorView& input, int spatial) {
  const int lead = input.ndim - spatial, first = 3 - spatial;
  for (int i = 0; i < spatial; ++i) {
    p.in[first + i] = input.shape[lead + i];
    p.out[first + i] = output.shape[lead + i];
  }
  for (int i = 0; i < lead; ++i) p.planes *= input.shape[i];
}

Pool make_pool(const TensorView& output, const TensorView& input, const IntList& kernel, const IntList& stride,
               const IntList& padding, const IntList* dilation, bool adaptive) {
  Pool p;
  const int spatial = static_cast<int>(kernel.size()), first = 3 - spatial;
  set_extents(p, output, input, spatial);
  p.adaptive = adaptive;
  if (adaptive) return p;
  for (int i = 0; i < spatial; ++i) {
    const auto k = static_cast<size_t>(i);
    p.kernel[first + i] = kernel[k];
    p.stride[first + i] = stride[k];
    p.padding[first + i] = padding[k];
    if (dilation) p.dilation[first + i] = (*dilation)[k];
  }
  return p;
}

template <typename C>
__device__ __forceinline__ C lowest() {
  if constexpr (std::is_floating_point_v<C>)
    return -C(__int_as_float(0x7f800000));
  else
    return std::numeric_limits<C>::min();
}

template <typename T, typename Index>
__global__ void max_forward(T* out, Index* indices, const T* in, const __grid_constant__ Pool p) {
  using C = ComputeOf<T>;
  const int64_t total = p.planes * p.out_size(), step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t at = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; at < total; at += step) {
    const int64_t plane = at / p.out_size(), o = at % p.out_size();
    const Window d = window(p, 0, o / (p.out[1] * p.out[2])), h = window(p, 1, o / p.out[2] % p.out[1]),
                 w = window(p, 2, o % p.out[2]);
    const T* x = in + plane * p.in_size();
    C best = lowest<C>();
    int64_t where = (d.begin * p.in[1] + h.begin) * p.in[2] + w.begin;
    for (int64_t i = d.begin; i < d.end; i += d.step)
      for (int64_t j = h.begin; j < h.end; j += h.step)
        for (int64_t k = w.begin; k < w.end; k += w.step) {
          const int64_t from = (i * p.in[1] + j) * p.in[2] + k;
          const C value = convert<C>(x[from]);
          if (value > best || value != value) {
            best = value;
            where = from;
          }
        }
    out[at] = convert<T>(best);
    indices[at] = static_cast<Index>(where);
  }
}

template <typename T, typename Index>
__global__ void scatter(T* to, const T* grad, const Index* indices, int64_t n, int64_t out_size, int64_t in_size) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) atomic_add(to + i / out_size * in_size + indices[i], grad[i]);
}

template <typename T, typename Index>
__global__ void gather(T* out, const T* in, const Index* indices, int64_t n, int64_t out_size, int64_t in_size) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) out[i] = in[i / out_size * in_size + indices[i]];
}

template <typename C>
__device__ __forceinline__ C divisor_of(const Window& d, const Window& h, const Window& w, bool include_padding,
                                        int64_t divisor) {
  if (divisor != 0) return C(divisor);
  const auto size = [&](const Window& x) { return include_padding ? x.count : x.end - x.begin; };
  return C(size(d) * size(h) * size(w));
}

template <typename T>
__global__ void average(T* out, const T* in, const __grid_constant__ Pool p, bool include_padding, int64_t divisor) {
  using C = ComputeOf<T>;
  const int64_t total = p.planes * p.out_size(), step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t at = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; at < total; at += step) {
    const int64_t plane = at / p.out_size(), o = at % p.out_size();
    const Window d = window(p, 0, o / (p.out[1] * p.out[2])), h = window(p, 1, o / p.out[2] % p.out[1]),
                 w = window(p, 2, o % p.out[2]);
    const T* x = in + plane * p.in_size();
    C sum = 0;
    for (int64_t i = d.begin; i < d.end; ++i)
      for (int64_t j = h.begin; j < h.end; ++j)
        for (int64_t k = w.begin; k < w.end; ++k) sum += convert<C>(x[(i * p.in[1] + j) * p.in[2] + k]);
    out[at] = convert<T>(static_cast<C>(sum / divisor_of<C>(d, h, w, include_padding, divisor)));
  }
}

// The outputs whose windows have input position i.
__device__ __forceinline__ void outputs_of(const Pool& p, int d, int64_t i, int64_t& begin, int64_t& end) {
  if (p.adaptive) {
    begin = i * p.out[d] / p.in[d];
    end = ((i + 1) * p.out[d] + p.in[d] - 1) / p.in[d];
    return;
  }
  const int64_t at = i + p.padding[d];
  begin = at < p.kernel[d] ? 0 : (at - p.kernel[d]) / p.stride[d] + 1;
  end = min(p.out[d], at / p.stride[d] + 1);
}

template <typename T>
__global__ void average_backward(T* to, const T* grad, const __grid_constant__ Pool p, bool include_padding,
                                 int64_t divisor) {
  using C = ComputeOf<T>;
  const int64_t total = p.planes * p.in_size(), step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t at = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; at < total; at += step) {
    const int64_t plane = at / p.in_size(), x = at % p.in_size();
    const int64_t position[3] = {x / (p.in[1] * p.in[2]), x / p.in[2] % p.in[1], x % p.in[2]};
    int64_t begin[3], end[3];
    for (int d = 0; d < 3; ++d) outputs_of(p, d, position[d], begin[d], end[d]);
    const T* g = grad + plane * p.out_size();
    C sum = 0;
    for (int64_t i = begin[0]; i < end[0]; ++i)
      for (int64_t j = begin[1]; j < end[1]; ++j)
        for (int64_t k = begin[2]; k < end[2]; ++k) {
          const Window d = window(p, 0, i), h = window(p, 1, j), w = window(p, 2, k);
          sum += convert<C>(g[(i * p.out[1] + j) * p.out[2] + k]) / divisor_of<C>(d, h, w, include_padding, divisor);
        }
    to[at] = convert<T>(sum);
  }
}

// Calls body.operator()<T, Index>() for the floating-point or integer types of a tensor and of its indices.
template <typename Body>
Status for_types(const TensorView& t, const TensorView& indices, const Body& body) {
  if (is_complex(t.dtype) || t.dtype == DType::boolean) return unsupported(t.dtype);
  visit_types(t.dtype, [&]<typename T>() {
    if constexpr (!kComplex<T> && !std::is_same_v<T, bool>) {
      if (indices.dtype == DType::i32)
        body.template operator()<T, int32_t>();
      else
        body.template operator()<T, int64_t>();
    }
  });
  return launched();
}

unsigned blocks(int64_t n) { return static_cast<unsigned>((n + kThreads - 1) / kThreads); }

}  // namespace

Status max_pool(MaxPoolArgs& args) {
  const Pool p = make_pool(args.out, args.input, args.kernel, args.stride, args.padding, &args.dilation, args.adaptive);
  const int64_t n = args.out.numel();
  if (n == 0) return {};
  return for_types(args.out, args.indices, [&]<typename T, typename Index>() {
    max_forward<<<blocks_for(n, kThreads), kThreads, 0, context().stream>>>(args.out.as<T>(), args.indices.as<Index>(),
                                                                            args.input.as<T>(), p);
  });
}

// Where windows overlap, gradients are added in the order of chance.
Status max_pool_scatter(MaxPoolScatterArgs& args) {
  Pool p;
  set_extents(p, args.grad, args.grad_input, static_cast<int>(args.spatial));
  const size_t bytes = static_cast<size_t>(args.grad_input.numel()) * size_of(args.grad_input.dtype);
  if (bytes > 0)
    if (const Status status = status_of(cudaMemsetAsync(args.grad_input.data, 0, bytes, context().stream));
        !status.ok())
      return status;
  const int64_t n = args.grad.numel();
  if (n == 0) return {};
  return for_types(args.grad, args.indices, [&]<typename T, typename Index>() {
    scatter<<<blocks(n), kThreads, 0, context().stream>>>(args.grad_input.as<T>(), args.grad.as<T>(),
                                                          args.indices.as<Index>(), n, p.out_size(), p.in_size());
  });
}

Status max_pool_gather(MaxPoolGatherArgs& args) {
  Pool p;
  set_extents(p, args.out, args.input, static_cast<int>(args.spatial));
  const int64_t n = args.out.numel();
  if (n == 0) return {};
  return for_types(args.out, args.indices, [&]<typename T, typename Index>() {
    gather<<<blocks(n), kThreads, 0, context().stream>>>(args.out.as<T>(), args.input.as<T>(), args.indices.as<Index>(),
                                                         n, p.out_size(), p.in_size());
  });
}

Status avg_pool(AvgPoolArgs& args) {
  const Pool p = make_pool(args.out, args.input, args.kernel, args.stride, args.padding, nullptr, args.adaptive);
  const int64_t n = args.out.numel();
  if (n == 0) return {};
  const bool known = visit_real(args.out.dtype, [&]<typename T>() {
    average<<<blocks_for(n, kThreads), kThreads, 0, context().stream>>>(args.out.as<T>(), args.input.as<T>(), p,
                                                                        args.include_padding, args.divisor);
  });
  return known ? launched() : unsupported(args.out.dtype);
}

Status avg_pool_backward(AvgPoolBackwardArgs& args) {
  const Pool p = make_pool(args.grad, args.grad_input, args.kernel, args.stride, args.padding, nullptr, args.adaptive);
  const int64_t n = args.grad_input.numel();
  if (n == 0) return {};
  const bool known = visit_real(args.grad.dtype, [&]<typename T>() {
    average_backward<<<blocks_for(n, kThreads), kThreads, 0, context().stream>>>(
        args.grad_input.as<T>(), args.grad.as<T>(), p, args.include_padding, args.divisor);
  });
  return known ? launched() : unsupported(args.grad.dtype);
}

}  // namespace flambeau::cuda
