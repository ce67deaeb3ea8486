// Max and average pooling over 1 to 3 dimensions. A plane is one channel of one image, or a block of channels in a
// blocked layout: its elements are then vectors of `inner` floats that are pooled side by side.
#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "blocks.h"
#include "engine.h"
#include "flambeau/kernels/pooling.gen.h"
#include "flambeau/parallel.h"
#include "pooling.h"

namespace flambeau::cpu {
namespace {

void set_extents(Pool& pool, const TensorView& output, const TensorView& input, int spatial) {
  const int lead = input.ndim - spatial, first = 3 - spatial;
  for (int i = 0; i < spatial; ++i) {
    pool.in[first + i] = input.shape[lead + i];
    pool.out[first + i] = output.shape[lead + i];
  }
  pool.planes = 1;
  for (int i = 0; i < lead; ++i) pool.planes *= input.shape[i];
  pool.inner = input.layout > 0 ? input.layout : 1;
  pool.planes /= pool.inner;
}

Pool make_pool(const TensorView& output, const TensorView& input, const IntList& kernel, const IntList& stride,
               const IntList& padding, const IntList* dilation, bool adaptive) {
  Pool pool;
  const int spatial = static_cast<int>(kernel.size()), first = 3 - spatial;
  set_extents(pool, output, input, spatial);
  for (int d = 0; d < 3; ++d) {
    const int i = d - first;
    for (int64_t o = 0; o < pool.out[d]; ++o) {
      Window w{0, 1, 1, 1};
      if (i >= 0 && adaptive) {
        w.begin = o * pool.in[d] / pool.out[d];
        w.end = ((o + 1) * pool.in[d] + pool.out[d] - 1) / pool.out[d];
        w.count = w.end - w.begin;
      } else if (i >= 0) {
        const int64_t step = dilation ? (*dilation)[i] : 1;
        w.step = step;
        w.begin = o * stride[i] - padding[i];
        w.end = w.begin + (kernel[i] - 1) * step + 1;
        w.count = std::min(w.end, pool.in[d] + padding[i]) - w.begin;
        if (w.begin < 0) w.begin += (-w.begin + step - 1) / step * step;
        w.end = std::min(w.end, pool.in[d]);
      }
      pool.windows[d].push_back(w);
    }
  }
  return pool;
}

// Calls visit(output position, window of each dimension) over a plane.
template <typename Visit>
void each_output(const Pool& p, const Visit& visit) {
  int64_t at = 0;
  for (const Window& d : p.windows[0])
    for (const Window& h : p.windows[1])
      for (const Window& w : p.windows[2]) visit(at++, d, h, w);
}

// Calls visit(input position) over a window.
template <typename Visit>
void each_input(const Pool& p, const Window& d, const Window& h, const Window& w, const Visit& visit) {
  for (int64_t i = d.begin; i < d.end; i += d.step)
    for (int64_t j = h.begin; j < h.end; j += h.step) {
      const int64_t row = (i * p.in[1] + j) * p.in[2];
      for (int64_t k = w.begin; k < w.end; k += w.step) visit(row + k);
    }
}

template <typename Body>
void each_plane(const Pool& p, const Body& body) {
  const int64_t work = (p.in_size() + p.out_size()) * p.inner;
  parallel_for(p.planes, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, work)), [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) body(plane);
  });
}

// NaN wins, as in PyTorch.
template <typename T>
bool replaces(T candidate, T best) {
  if constexpr (std::is_floating_point_v<T>)
    return candidate > best || candidate != candidate;
  else
    return candidate > best;
}

template <typename T, typename Index, int64_t kInner>
void max_plane(const Pool& p, T* out, Index* indices, const T* in) {
  const int64_t inner = kInner > 0 ? kInner : p.inner;
  using C = ComputeType<T>;
  each_output(p, [&](int64_t at, const Window& d, const Window& h, const Window& w) {
    C best[16];
    Index where[16];
    const int64_t first = (d.begin * p.in[1] + h.begin) * p.in[2] + w.begin;
    for (int64_t c = 0; c < inner; ++c) {
      best[c] =
          std::numeric_limits<C>::has_infinity ? -std::numeric_limits<C>::infinity() : std::numeric_limits<C>::lowest();
      where[c] = static_cast<Index>(first);
    }
    each_input(p, d, h, w, [&](int64_t from) {
      for (int64_t c = 0; c < inner; ++c) {
        const C value = static_cast<C>(in[from * inner + c]);
        const bool take = replaces(value, best[c]);
        best[c] = take ? value : best[c];
        where[c] = take ? static_cast<Index>(from) : where[c];
      }
    });
    for (int64_t c = 0; c < inner; ++c) {
      out[at * inner + c] = convert<T>(best[c]);
      indices[at * inner + c] = where[c];
    }
  });
}

// Calls body.operator()<T, Index>() for the types of a tensor and of its indices.
template <typename Body>
Status visit(const TensorView& t, const TensorView& indices, const Body& body) {
  if (is_complex(t.dtype) || t.dtype == DType::boolean)
    return {StatusCode::unsupported_dtype, 0, static_cast<int64_t>(t.dtype)};
  visit_dtype(t.dtype, [&]<typename T>() {
    if constexpr (!kIsComplex<T> && !std::is_same_v<T, bool>) {
      if (indices.dtype == DType::i32)
        body.template operator()<T, int32_t>();
      else
        body.template operator()<T, int64_t>();
    }
  });
  return {};
}

}  // namespace

Status max_pool(MaxPoolArgs& args) {
  const Pool p = make_pool(args.out, args.input, args.kernel, args.stride, args.padding, &args.dilation, args.adaptive);
  return visit(args.out, args.indices, [&]<typename T, typename Index>() {
    each_plane(p, [&](int64_t plane) {
      T* out = args.out.as<T>() + plane * p.out_size() * p.inner;
      Index* indices = args.indices.as<Index>() + plane * p.out_size() * p.inner;
      const T* in = args.input.as<T>() + plane * p.in_size() * p.inner;
      if constexpr (std::is_same_v<T, float> && std::is_same_v<Index, int32_t>) {
        if (p.inner > 1) return max_pool_blocks(p, out, indices, in);
      }
      if (p.inner == 16)
        max_plane<T, Index, 16>(p, out, indices, in);
      else if (p.inner == 8)
        max_plane<T, Index, 8>(p, out, indices, in);
      else
        max_plane<T, Index, 1>(p, out, indices, in);
    });
  });
}

Status max_pool_scatter(MaxPoolScatterArgs& args) {
  Pool p;
  set_extents(p, args.grad, args.grad_input, static_cast<int>(args.spatial));
  return visit(args.grad, args.indices, [&]<typename T, typename Index>() {
    each_plane(p, [&](int64_t plane) {
      T* to = args.grad_input.as<T>() + plane * p.in_size() * p.inner;
      const T* grad = args.grad.as<T>() + plane * p.out_size() * p.inner;
      const Index* indices = args.indices.as<Index>() + plane * p.out_size() * p.inner;
      std::fill_n(to, p.in_size() * p.inner, T(0));
      for (int64_t at = 0; at < p.out_size() * p.inner; ++at) {
        T& target = to[indices[at] * p.inner + at % p.inner];
        target = convert<T>(static_cast<ComputeType<T>>(target) + static_cast<ComputeType<T>>(grad[at]));
      }
    });
  });
}

Status max_pool_gather(MaxPoolGatherArgs& args) {
  Pool p;
  set_extents(p, args.out, args.input, static_cast<int>(args.spatial));
  return visit(args.out, args.indices, [&]<typename T, typename Index>() {
    each_plane(p, [&](int64_t plane) {
      T* out = args.out.as<T>() + plane * p.out_size() * p.inner;
      const T* in = args.input.as<T>() + plane * p.in_size() * p.inner;
      const Index* indices = args.indices.as<Index>() + plane * p.out_size() * p.inner;
      for (int64_t at = 0; at < p.out_size() * p.inner; ++at) out[at] = in[indices[at] * p.inner + at % p.inner];
    });
  });
}

namespace {

template <typename C>
C divisor_of(const Window& d, const Window& h, const Window& w, bool include_padding, int64_t divisor) {
  if (divisor != 0) return C(divisor);
  const auto count = [](const Window& x) { return x.end - x.begin; };
  return C(include_padding ? d.count * h.count * w.count : count(d) * count(h) * count(w));
}

}  // namespace

Status avg_pool(AvgPoolArgs& args) {
  const Pool p = make_pool(args.out, args.input, args.kernel, args.stride, args.padding, nullptr, args.adaptive);
  return visit(args.out, args.out, [&]<typename T, typename>() {
    using C = ComputeType<T>;
    each_plane(p, [&](int64_t plane) {
      T* out = args.out.as<T>() + plane * p.out_size() * p.inner;
      const T* in = args.input.as<T>() + plane * p.in_size() * p.inner;
      each_output(p, [&](int64_t at, const Window& d, const Window& h, const Window& w) {
        C sum[16] = {};
        each_input(p, d, h, w, [&](int64_t from) {
          for (int64_t c = 0; c < p.inner; ++c) sum[c] += static_cast<C>(in[from * p.inner + c]);
        });
        const C divisor = divisor_of<C>(d, h, w, args.include_padding, args.divisor);
        for (int64_t c = 0; c < p.inner; ++c) out[at * p.inner + c] = convert<T>(static_cast<C>(sum[c] / divisor));
      });
    });
  });
}

Status avg_pool_backward(AvgPoolBackwardArgs& args) {
  const Pool p = make_pool(args.grad, args.grad_input, args.kernel, args.stride, args.padding, nullptr, args.adaptive);
  return visit(args.grad, args.grad, [&]<typename T, typename>() {
    using C = ComputeType<T>;
    each_plane(p, [&](int64_t plane) {
      T* to = args.grad_input.as<T>() + plane * p.in_size() * p.inner;
      const T* grad = args.grad.as<T>() + plane * p.out_size() * p.inner;
      std::vector<C> sum(p.in_size() * p.inner, C(0));
      each_output(p, [&](int64_t at, const Window& d, const Window& h, const Window& w) {
        const C divisor = divisor_of<C>(d, h, w, args.include_padding, args.divisor);
        each_input(p, d, h, w, [&](int64_t from) {
          for (int64_t c = 0; c < p.inner; ++c)
            sum[from * p.inner + c] += static_cast<C>(static_cast<C>(grad[at * p.inner + c]) / divisor);
        });
      });
      store_block(to, 1, sum.data(), p.in_size() * p.inner);
    });
  });
}

}  // namespace flambeau::cpu
