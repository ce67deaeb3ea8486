// Pooling of plain planes, a row of outputs at a time: where windows are regular, each of their elements is a strided
// row.
#include <algorithm>
#include <limits>
#include <vector>

#include "pooling.h"

// The same three levels as micro_ops.cpp.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/pooling_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {

// Calls body with the stride of the regular windows, the usual ones as constants.
template <typename Body>
HWY_INLINE void with_stride(int64_t stride, const Body& body) {
  if (stride == 1)
    body(std::integral_constant<int64_t, 1>());
  else if (stride == 2)
    body(std::integral_constant<int64_t, 2>());
  else
    body(stride);
}

// Calls visit(first output of the row, windows of the outer dimensions) for each row of outputs of a plane.
template <typename Visit>
HWY_INLINE void each_row(const Pool& p, const Visit& visit) {
  int64_t at = 0;
  for (const Window& d : p.windows[0])
    for (const Window& h : p.windows[1]) {
      visit(at, d, h);
      at += p.out[2];
    }
}

// Calls visit(position of the first element) for each row of inputs of a row of outputs.
template <typename Visit>
HWY_INLINE void each_input_row(const Pool& p, const Window& d, const Window& h, const Visit& visit) {
  for (int64_t i = d.begin; i < d.end; i += d.step)
    for (int64_t j = h.begin; j < h.end; j += h.step) visit((i * p.in[1] + j) * p.in[2]);
}

// Calls visit(output, its window) for the outputs of a row whose windows are not regular.
template <typename Visit>
HWY_INLINE void each_edge(const Pool& p, const Visit& visit) {
  for (int64_t o = 0; o < p.out[2]; ++o) {
    if (o == p.regular.begin) o = p.regular.end;
    if (o < p.out[2]) visit(o, p.windows[2][o]);
  }
}

template <typename R>
void max(const Pool& p, R* out, int32_t* indices, const R* in) {
  const Regular& r = p.regular;
  const int64_t step = p.out[2] > 0 ? p.windows[2][0].step : 1, taps = r.size > 0 ? (r.size - 1) / step + 1 : 0;
  each_row(p, [&](int64_t at, const Window& d, const Window& h) {
    R* best = out + at;
    int32_t* where = indices + at;
    const int64_t first = (d.begin * p.in[1] + h.begin) * p.in[2];
    for (int64_t o = 0; o < p.out[2]; ++o) {
      best[o] = -std::numeric_limits<R>::infinity();
      where[o] = static_cast<int32_t>(first + p.windows[2][o].begin);
    }
    each_input_row(p, d, h, [&](int64_t row) {
      each_edge(p, [&](int64_t o, const Window& w) {
        for (int64_t k = w.begin; k < w.end; k += w.step) {
          const R value = in[row + k];
          if (!(value > best[o] || value != value)) continue;
          best[o] = value;
          where[o] = static_cast<int32_t>(row + k);
        }
      });
      if (r.begin == r.end) return;
      with_stride(r.stride, [&](auto stride) {
        R* b = best + r.begin;
        int32_t* at_most = where + r.begin;
        for (int64_t k = 0; k < taps; ++k) {
          const int64_t from = row + p.windows[2][r.begin].begin + k * step;
          const R* x = in + from;
#pragma GCC ivdep
          for (int64_t o = 0; o < r.end - r.begin; ++o) {
            const R value = x[o * stride];
            const bool take = (value > b[o]) | (value != value);  // NaN wins, as in PyTorch
            b[o] = take ? value : b[o];
            at_most[o] = take ? static_cast<int32_t>(from + o * stride) : at_most[o];
          }
        }
      });
    });
  });
}

template <typename R>
void average(const Pool& p, R* out, const R* in, const Divisor& divisor) {
  const Regular& r = p.regular;
  each_row(p, [&](int64_t at, const Window& d, const Window& h) {
    R* sum = out + at;
    std::fill_n(sum, p.out[2], R(0));
    each_input_row(p, d, h, [&](int64_t row) {
      each_edge(p, [&](int64_t o, const Window& w) {
        for (int64_t k = w.begin; k < w.end; ++k) sum[o] += in[row + k];
      });
      if (r.begin == r.end) return;
      with_stride(r.stride, [&](auto stride) {
        R* s = sum + r.begin;
        for (int64_t k = 0; k < r.size; ++k) {
          const R* x = in + row + p.windows[2][r.begin].begin + k;
#pragma GCC ivdep
          for (int64_t o = 0; o < r.end - r.begin; ++o) s[o] += x[o * stride];
        }
      });
    });
    each_edge(p, [&](int64_t o, const Window& w) { sum[o] /= static_cast<R>(divisor.of(d, h, w)); });
    if (r.begin == r.end) return;
    const R by = static_cast<R>(divisor.of(d, h, p.windows[2][r.begin]));
    for (int64_t o = r.begin; o < r.end; ++o) sum[o] /= by;
  });
}

// The shares of a row of outputs are spread over a row of inputs once, which then is added to each row of their
// windows.
template <typename R>
void average_backward(const Pool& p, R* to, const R* grad, const Divisor& divisor) {
  const Regular& r = p.regular;
  std::vector<R> spread(p.in[2]);
  each_row(p, [&](int64_t at, const Window& d, const Window& h) {
    std::fill(spread.begin(), spread.end(), R(0));
    const R* g = grad + at;
    each_edge(p, [&](int64_t o, const Window& w) {
      const R share = g[o] / static_cast<R>(divisor.of(d, h, w));
      for (int64_t k = w.begin; k < w.end; ++k) spread[k] += share;
    });
    if (r.begin < r.end) {
      const R by = static_cast<R>(divisor.of(d, h, p.windows[2][r.begin]));
      R* s = spread.data() + p.windows[2][r.begin].begin;
      if (r.size == 2 && r.stride == 2) {
        for (int64_t o = 0; o < r.end - r.begin; ++o) {
          const R share = g[r.begin + o] / by;
          s[2 * o] += share;
          s[2 * o + 1] += share;
        }
      } else {
        for (int64_t o = 0; o < r.end - r.begin; ++o) {
          const R share = g[r.begin + o] / by;
          for (int64_t k = 0; k < r.size; ++k) s[o * r.stride + k] += share;
        }
      }
    }
    each_input_row(p, d, h, [&](int64_t row) {
      R* x = to + row;
      const R* s = spread.data();
      for (int64_t k = 0; k < p.in[2]; ++k) x[k] += s[k];
    });
  });
}

template <typename R>
void find(PoolFunctions<R>& f) {
  f = {max<R>, average<R>, average_backward<R>};
}
void find_float(PoolFunctions<float>& f) { find(f); }
void find_double(PoolFunctions<double>& f) { find(f); }

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(find_float);
HWY_EXPORT(find_double);

PoolFunctions<float> pool_functions(float) {
  PoolFunctions<float> f;
  HWY_DYNAMIC_DISPATCH(find_float)(f);
  return f;
}
PoolFunctions<double> pool_functions(double) {
  PoolFunctions<double> f;
  HWY_DYNAMIC_DISPATCH(find_double)(f);
  return f;
}

}  // namespace flambeau::cpu
#endif
