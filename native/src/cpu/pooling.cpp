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

Regular regular_part(const std::vector<Window>& windows) {
  Regular r;
  const auto count = static_cast<int64_t>(windows.size());
  const auto size = [&](int64_t o) { return windows[o].end - windows[o].begin; };
  for (int64_t o = 0; o < count; ++o) r.size = std::max(r.size, size(o));
  while (r.begin < count && size(r.begin) < r.size) ++r.begin;
  r.end = std::min(count, r.begin + 1);
  if (r.end == count) return r;
  r.stride = windows[r.end].begin - windows[r.begin].begin;
  while (r.end < count && size(r.end) == r.size && windows[r.end].begin - windows[r.end - 1].begin == r.stride) ++r.end;
  return r;
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
  pool.regular = regular_part(pool.windows[2]);
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

// Of other types than floats, and with int64 positions; these have no blocked layouts.
template <typename T, typename Index>
void max_plane(const Pool& p, T* out, Index* indices, const T* in) {
  using C = ComputeType<T>;
  each_output(p, [&](int64_t at, const Window& d, const Window& h, const Window& w) {
    C best =
        std::numeric_limits<C>::has_infinity ? -std::numeric_limits<C>::infinity() : std::numeric_limits<C>::lowest();
    int64_t where = (d.begin * p.in[1] + h.begin) * p.in[2] + w.begin;
    each_input(p, d, h, w, [&](int64_t from) {
      const C value = static_cast<C>(in[from]);
      const bool take = replaces(value, best);
      best = take ? value : best;
      where = take ? from : where;
    });
    out[at] = convert<T>(best);
    indices[at] = static_cast<Index>(where);
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
  // Nobody asks for positions; of blocked inputs only.
  if (args.indices.numel() == 0 && args.out.numel() > 0 && args.out.dtype == DType::f32 && p.inner > 1) {
    each_plane(p, [&](int64_t plane) {
      max_pool_blocks(p, args.out.as<float>() + plane * p.out_size() * p.inner, nullptr,
                      args.input.as<float>() + plane * p.in_size() * p.inner);
    });
    return {};
  }
  return visit(args.out, args.indices, [&]<typename T, typename Index>() {
    each_plane(p, [&](int64_t plane) {
      T* out = args.out.as<T>() + plane * p.out_size() * p.inner;
      Index* indices = args.indices.as<Index>() + plane * p.out_size() * p.inner;
      const T* in = args.input.as<T>() + plane * p.in_size() * p.inner;
      if constexpr (std::is_same_v<T, float> && std::is_same_v<Index, int32_t>) {
        if (p.inner > 1) return max_pool_blocks(p, out, indices, in);
      }
      if constexpr (std::is_floating_point_v<T> && std::is_same_v<Index, int32_t>)
        pool_functions(T()).max(p, out, indices, in);
      else
        max_plane(p, out, indices, in);
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
      for (int64_t at = 0; at < p.out_size() * p.inner; at += p.inner)
        for (int64_t c = 0; c < p.inner; ++c) {
          T& target = to[indices[at + c] * p.inner + c];
          target = convert<T>(static_cast<ComputeType<T>>(target) + static_cast<ComputeType<T>>(grad[at + c]));
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
      for (int64_t at = 0; at < p.out_size() * p.inner; at += p.inner)
        for (int64_t c = 0; c < p.inner; ++c) out[at + c] = in[indices[at + c] * p.inner + c];
    });
  });
}

namespace {

// The plane as `C`s: in place, or in a buffer.
template <typename C, typename T>
const C* plane_of(const T* plane, std::vector<C>& buffer, int64_t n) {
  if constexpr (std::is_same_v<T, C>) {
    return plane;
  } else {
    buffer.resize(n);
    load_block(buffer.data(), plane, 1, n);
    return buffer.data();
  }
}

}  // namespace

Status avg_pool(AvgPoolArgs& args) {
  const Pool p = make_pool(args.out, args.input, args.kernel, args.stride, args.padding, nullptr, args.adaptive);
  const Divisor divisor{args.divisor, args.include_padding};
  return visit(args.out, args.out, [&]<typename T, typename>() {
    using C = ComputeType<T>;
    each_plane(p, [&](int64_t plane) {
      T* out = args.out.as<T>() + plane * p.out_size() * p.inner;
      const T* in = args.input.as<T>() + plane * p.in_size() * p.inner;
      if constexpr (std::is_same_v<T, float>) {
        if (p.inner > 1) return avg_pool_blocks(p, out, in, divisor);
      }
      if constexpr (std::is_floating_point_v<C>) {
        std::vector<C> in_buffer, out_buffer(std::is_same_v<T, C> ? 0 : p.out_size());
        const C* from = plane_of(in, in_buffer, p.in_size());
        if constexpr (std::is_same_v<T, C>) {
          pool_functions(C()).average(p, out, from, divisor);
        } else {
          pool_functions(C()).average(p, out_buffer.data(), from, divisor);
          store_block(out, 1, out_buffer.data(), p.out_size());
        }
      } else {
        each_output(p, [&](int64_t at, const Window& d, const Window& h, const Window& w) {
          C sum{};
          each_input(p, d, h, w, [&](int64_t from) { sum += static_cast<C>(in[from]); });
          out[at] = convert<T>(static_cast<C>(sum / static_cast<C>(divisor.of(d, h, w))));
        });
      }
    });
  });
}

Status avg_pool_backward(AvgPoolBackwardArgs& args) {
  const Pool p = make_pool(args.grad, args.grad_input, args.kernel, args.stride, args.padding, nullptr, args.adaptive);
  const Divisor divisor{args.divisor, args.include_padding};
  if (!is_floating(args.grad.dtype)) return {StatusCode::unsupported_dtype, 0, static_cast<int64_t>(args.grad.dtype)};
  return visit(args.grad, args.grad, [&]<typename T, typename>() {
    using C = ComputeType<T>;
    if constexpr (std::is_floating_point_v<C>) {
      each_plane(p, [&](int64_t plane) {
        const int64_t size = p.in_size() * p.inner;
        T* to = args.grad_input.as<T>() + plane * size;
        std::vector<C> grad_buffer, to_buffer(std::is_same_v<T, C> ? 0 : size);
        const C* grad = plane_of(args.grad.as<T>() + plane * p.out_size() * p.inner, grad_buffer, p.out_size());
        C* sum = to_buffer.data();
        if constexpr (std::is_same_v<T, C>) sum = to;
        std::fill_n(sum, size, C(0));
        if constexpr (std::is_same_v<C, float>) {
          if (p.inner > 1) return avg_pool_blocks_backward(p, sum, grad, divisor);
        }
        pool_functions(C()).average_backward(p, sum, grad, divisor);
        if constexpr (!std::is_same_v<T, C>) store_block(to, 1, sum, size);
      });
    }
  });
}

}  // namespace flambeau::cpu
