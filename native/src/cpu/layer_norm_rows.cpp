#include "layer_norm_rows.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/layer_norm_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {

// Blocks keep the rounding error of a sum in R small; across blocks it is kept in double.
constexpr int64_t kStatBlock = 1024;

template <typename R>
double sum_of(const R* x, int64_t n) {
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += kStatBlock) {
    const int64_t q = (n - begin < kStatBlock ? n - begin : kStatBlock) / 2;
    const int64_t end = n - begin < kStatBlock ? n : begin + kStatBlock;
    const R* p = x + begin;
    R a = 0, b = 0;
#pragma omp simd reduction(+ : a, b)
    for (int64_t i = 0; i < q; ++i) {
      a += p[i];
      b += p[q + i];
    }
    for (int64_t i = begin + 2 * q; i < end; ++i) a += x[i];
    total += static_cast<double>(a) + static_cast<double>(b);
  }
  return total;
}

template <typename R>
void statistics(const R* x, int64_t n, double eps, R* mean, R* rstd) {
  const R shift = mean ? static_cast<R>(sum_of(x, n) / static_cast<double>(n)) : R(0);
  double squares = 0;
  for (int64_t begin = 0; begin < n; begin += kStatBlock) {
    const int64_t q = (n - begin < kStatBlock ? n - begin : kStatBlock) / 2;
    const int64_t end = n - begin < kStatBlock ? n : begin + kStatBlock;
    const R* p = x + begin;
    R a = 0, b = 0;
#pragma omp simd reduction(+ : a, b)
    for (int64_t i = 0; i < q; ++i) {
      const R u = p[i] - shift, v = p[q + i] - shift;
      a += u * u;
      b += v * v;
    }
    for (int64_t i = begin + 2 * q; i < end; ++i) a += (x[i] - shift) * (x[i] - shift);
    squares += static_cast<double>(a) + static_cast<double>(b);
  }
  if (mean) *mean = shift;
  *rstd = static_cast<R>(1 / std::sqrt(squares / static_cast<double>(n) + eps));
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
