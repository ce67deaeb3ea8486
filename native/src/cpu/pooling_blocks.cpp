#include "pooling.h"

// The same three levels as micro_ops.cpp.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/pooling_blocks.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void max_and_positions(const Pool& p, float* out, int32_t* indices, const float* in) {
  const hn::CappedTag<float, 8> d;  // a divisor of every block size
  const hn::RebindToSigned<decltype(d)> di;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t at = 0;
  for (const Window& depth : p.windows[0])
    for (const Window& h : p.windows[1])
      for (const Window& w : p.windows[2]) {
        const int64_t first = (depth.begin * p.in[1] + h.begin) * p.in[2] + w.begin;
        for (int64_t c = 0; c < p.inner; c += lanes) {
          auto best = hn::LoadU(d, in + first * p.inner + c);
          auto where = hn::Set(di, static_cast<int32_t>(first));
          for (int64_t i = depth.begin; i < depth.end; i += depth.step)
            for (int64_t j = h.begin; j < h.end; j += h.step) {
              const int64_t row = (i * p.in[1] + j) * p.in[2];
              for (int64_t k = w.begin; k < w.end; k += w.step) {
                const auto value = hn::LoadU(d, in + (row + k) * p.inner + c);
                // NaN wins, as in PyTorch.
                const auto take = hn::Or(hn::Gt(value, best), hn::IsNaN(value));
                best = hn::IfThenElse(take, value, best);
                where = hn::IfThenElse(hn::RebindMask(di, take), hn::Set(di, static_cast<int32_t>(row + k)), where);
              }
            }
          hn::StoreU(best, d, out + at * p.inner + c);
          hn::StoreU(where, di, indices + at * p.inner + c);
        }
        ++at;
      }
}

// Calls visit(output position, first channel of a vector, windows) over a plane.
template <class D, typename Visit>
HWY_INLINE void each_vector(D d, const Pool& p, const Visit& visit) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t at = 0;
  for (const Window& depth : p.windows[0])
    for (const Window& h : p.windows[1])
      for (const Window& w : p.windows[2]) {
        for (int64_t c = 0; c < p.inner; c += lanes) visit(at * p.inner + c, c, depth, h, w);
        ++at;
      }
}

// The larger of each pair, the first of equal ones; NaN wins, as in PyTorch.
template <class V>
HWY_INLINE V larger(V first, V second) {
  return hn::IfThenElse(hn::Or(hn::Gt(second, first), hn::IsNaN(second)), second, first);
}

void maxima(const Pool& p, float* out, const float* in) {
  const hn::CappedTag<float, 8> d;
  const auto pair = [](const Window& w) { return w.step == 1 && w.end - w.begin == 2; };
  const int64_t inner = p.inner, row = p.in[2] * inner, plane = p.in[1] * row;
  each_vector(d, p, [&](int64_t at, int64_t c, const Window& depth, const Window& h, const Window& w) HWY_ATTR {
    const float* first = in + depth.begin * plane + h.begin * row + w.begin * inner + c;
    auto best = hn::LoadU(d, first);
    if (depth.end - depth.begin == 1 && pair(h) && pair(w)) {
      // Windows of 2×2, by far the most common.
      best = larger(larger(best, hn::LoadU(d, first + inner)),
                    larger(hn::LoadU(d, first + row), hn::LoadU(d, first + row + inner)));
    } else {
      for (int64_t i = depth.begin; i < depth.end; i += depth.step)
        for (int64_t j = h.begin; j < h.end; j += h.step)
          for (int64_t k = w.begin; k < w.end; k += w.step)
            best = larger(best, hn::LoadU(d, in + i * plane + j * row + k * inner + c));
    }
    hn::StoreU(best, d, out + at);
  });
}

void max_blocks(const Pool& p, float* out, int32_t* indices, const float* in) {
  if (indices)
    max_and_positions(p, out, indices, in);
  else
    maxima(p, out, in);
}

void average_blocks(const Pool& p, float* out, const float* in, const Divisor& divisor) {
  const hn::CappedTag<float, 8> d;
  each_vector(d, p, [&](int64_t at, int64_t c, const Window& depth, const Window& h, const Window& w) HWY_ATTR {
    auto sum = hn::Zero(d);
    for (int64_t i = depth.begin; i < depth.end; ++i)
      for (int64_t j = h.begin; j < h.end; ++j) {
        const float* row = in + (i * p.in[1] + j) * p.in[2] * p.inner + c;
        for (int64_t k = w.begin; k < w.end; ++k) sum = hn::Add(sum, hn::LoadU(d, row + k * p.inner));
      }
    hn::StoreU(hn::Div(sum, hn::Set(d, static_cast<float>(divisor.of(depth, h, w)))), d, out + at);
  });
}

void average_blocks_backward(const Pool& p, float* to, const float* grad, const Divisor& divisor) {
  const hn::CappedTag<float, 8> d;
  each_vector(d, p, [&](int64_t at, int64_t c, const Window& depth, const Window& h, const Window& w) HWY_ATTR {
    const auto share = hn::Div(hn::LoadU(d, grad + at), hn::Set(d, static_cast<float>(divisor.of(depth, h, w))));
    for (int64_t i = depth.begin; i < depth.end; ++i)
      for (int64_t j = h.begin; j < h.end; ++j) {
        float* row = to + (i * p.in[1] + j) * p.in[2] * p.inner + c;
        for (int64_t k = w.begin; k < w.end; ++k)
          hn::StoreU(hn::Add(hn::LoadU(d, row + k * p.inner), share), d, row + k * p.inner);
      }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(max_blocks);
HWY_EXPORT(average_blocks);
HWY_EXPORT(average_blocks_backward);

void max_pool_blocks(const Pool& p, float* out, int32_t* indices, const float* in) {
  HWY_DYNAMIC_DISPATCH(max_blocks)(p, out, indices, in);
}
void avg_pool_blocks(const Pool& p, float* out, const float* in, const Divisor& divisor) {
  HWY_DYNAMIC_DISPATCH(average_blocks)(p, out, in, divisor);
}
void avg_pool_blocks_backward(const Pool& p, float* to, const float* grad, const Divisor& divisor) {
  HWY_DYNAMIC_DISPATCH(average_blocks_backward)(p, to, grad, divisor);
}

}  // namespace flambeau::cpu
#endif
