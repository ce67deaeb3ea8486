#include "layer_norm_rows.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/layer_norm_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Blocks keep the rounding error of a sum in R small; across blocks it is kept in double.
constexpr int64_t kStatBlock = 1024;

// The sum of x, or of (x - shift)².
template <bool kSquares, typename R>
double sum_of(const R* x, int64_t n, R shift) {
  const hn::ScalableTag<R> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const V by = hn::Set(d, shift);
  const auto take = [&](V& into, const R* at) HWY_ATTR {
    const V v = hn::LoadU(d, at);
    if constexpr (kSquares) {
      const V u = hn::Sub(v, by);
      into = hn::MulAdd(u, u, into);
    } else {
      into = hn::Add(into, v);
    }
  };
  double total = 0;
  for (int64_t i = 0; i < n;) {
    const int64_t end = n - i < kStatBlock ? n : i + kStatBlock;
    V a = hn::Zero(d), b = a, c = a, e = a;  // so that additions do not wait for one another
    for (; i + 4 * lanes <= end; i += 4 * lanes) {
      take(a, x + i);
      take(b, x + i + lanes);
      take(c, x + i + 2 * lanes);
      take(e, x + i + 3 * lanes);
    }
    for (; i + lanes <= end; i += lanes) take(a, x + i);
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(c, e)))));
    for (; i < end; ++i) total += static_cast<double>(kSquares ? (x[i] - shift) * (x[i] - shift) : x[i]);
  }
  return total;
}

template <typename R>
void statistics(const R* x, int64_t n, double eps, R* mean, R* rstd) {
  const R shift = mean ? static_cast<R>(sum_of<false>(x, n, R(0)) / static_cast<double>(n)) : R(0);
  if (mean) *mean = shift;
  *rstd = static_cast<R>(1 / std::sqrt(sum_of<true>(x, n, shift) / static_cast<double>(n) + eps));
}

template <typename R>
void normalize(R* dst, const R* x, const R* weight, const R* bias, R mean, R rstd, int64_t n) {
  if (weight && bias) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) dst[i] = (x[i] - mean) * rstd * weight[i] + bias[i];
  } else if (weight) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) dst[i] = (x[i] - mean) * rstd * weight[i];
  } else if (bias) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) dst[i] = (x[i] - mean) * rstd + bias[i];
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) dst[i] = (x[i] - mean) * rstd;
  }
}

template <typename R>
void backward(R* dst, const R* grad, const R* x, const R* weight, bool centered, R mean, R rstd, int64_t n) {
  R sum = 0, dot = 0;
  if (weight) {
#pragma omp simd reduction(+ : sum, dot)
    for (int64_t i = 0; i < n; ++i) {
      const R g = grad[i] * weight[i];
      dst[i] = g;  // rounded once: where all of it is the mean, nothing is left
      sum += g;
      dot += g * (x[i] - mean);
    }
  } else {
#pragma omp simd reduction(+ : sum, dot)
    for (int64_t i = 0; i < n; ++i) {
      sum += grad[i];
      dot += grad[i] * (x[i] - mean);
    }
  }
  const R a = centered ? sum / static_cast<R>(n) : R(0), b = dot * rstd * rstd / static_cast<R>(n);
  if (weight) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) dst[i] = rstd * (dst[i] - a - (x[i] - mean) * b);
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) dst[i] = rstd * (grad[i] - a - (x[i] - mean) * b);
  }
}

template <typename R>
void accumulate(R* weight_grad, R* bias_grad, const R* grad, const R* x, R mean, R rstd, int64_t n) {
  if (weight_grad)
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) weight_grad[i] += grad[i] * ((x[i] - mean) * rstd);
  if (bias_grad)
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) bias_grad[i] += grad[i];
}

template <typename R>
void find(LayerNormFunctions<R>& f) {
  f = {statistics<R>, normalize<R>, backward<R>, accumulate<R>};
}
void find_float(LayerNormFunctions<float>& f) { find(f); }
void find_double(LayerNormFunctions<double>& f) { find(f); }

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(find_float);
HWY_EXPORT(find_double);

LayerNormFunctions<float> layer_norm_functions(float) {
  LayerNormFunctions<float> f;
  HWY_DYNAMIC_DISPATCH(find_float)(f);
  return f;
}
LayerNormFunctions<double> layer_norm_functions(double) {
  LayerNormFunctions<double> f;
  HWY_DYNAMIC_DISPATCH(find_double)(f);
  return f;
}

}  // namespace flambeau::cpu
#endif
