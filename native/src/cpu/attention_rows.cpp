#include "attention_rows.h"

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

// Three levels on x86 (baseline, AVX2, AVX-512) keep compile time and size down; elsewhere the compiler's default.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/attention_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include "exp-inl.h"
#include "micro_ops-inl.h"
#include "micro_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {

// Two vectors side by side in both, so that one does not wait for the other.
template <typename R>
R largest(const R* s, R least, int64_t n) {
  const hn::ScalableTag<R> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto a = hn::Set(d, least), b = a;
  int64_t i = 0;
  // NaN is passed over: it comes back with the exponentials.
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    a = hn::Max(hn::LoadU(d, s + i), a);
    b = hn::Max(hn::LoadU(d, s + i + lanes), b);
  }
  least = hn::GetLane(hn::MaxOfLanes(d, hn::Max(a, b)));
  for (; i < n; ++i) least = s[i] > least ? s[i] : least;
  return least;
}

template <typename R>
R exponentials(R* s, R shift, int64_t n) {
  const hn::ScalableTag<R> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto by = hn::Set(d, shift);
  auto a = hn::Zero(d), b = a;
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const auto x = exp_down(d, hn::Sub(hn::LoadU(d, s + i), by));
    const auto y = exp_down(d, hn::Sub(hn::LoadU(d, s + i + lanes), by));
    hn::StoreU(x, d, s + i);
    hn::StoreU(y, d, s + i + lanes);
    a = hn::Add(a, x);
    b = hn::Add(b, y);
  }
  for (; i < n; i += lanes) {
    const int64_t rest = n - i < lanes ? n - i : lanes;
    const auto x = exp_down(d, hn::Sub(load_tail(d, s + i, rest, -kInf<R>), by));
    store_tail(d, x, s + i, rest);
    a = hn::Add(a, x);
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b)));
}

template <typename R>
R dot(const R* a, const R* b, int64_t n) {
  R sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

template <typename R>
void dots(R* s, const R* q, const R* rows, int64_t stride, int64_t n, int64_t features) {
  for (int64_t i = 0; i < n; ++i) s[i] = dot(q, rows + i * stride, features);
}

template <typename R>
void weigh(R* out, const R* s, const R* rows, int64_t stride, int64_t n, int64_t features) {
  for (int64_t j = 0; j < features; ++j) out[j] = 0;
  for (int64_t i = 0; i < n; ++i) {
    const R* row = rows + i * stride;
    const R weight = s[i];
#pragma GCC ivdep
    for (int64_t j = 0; j < features; ++j) out[j] += weight * row[j];
  }
}

template <typename R>
void scale(R* x, R factor, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}

template <typename R>
void add(R* s, const R* mask, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) s[i] += mask[i];
}

template <typename R>
void hide(R* s, const uint8_t* visible, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) s[i] = visible[i] ? s[i] : -kInf<R>;
}

template <typename R>
void score_grad(R* dp, const R* p, R delta, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) dp[i] = p[i] * (dp[i] - delta);
}

template <typename R>
void find(AttentionRows<R>& f) {
  f = {largest<R>, exponentials<R>, dot<R>, dots<R>, weigh<R>, scale<R>, add<R>, hide<R>, score_grad<R>};
}
void find_float(AttentionRows<float>& f) { find(f); }
void find_double(AttentionRows<double>& f) { find(f); }

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(find_float);
HWY_EXPORT(find_double);

AttentionRows<float> attention_rows(float) {
  AttentionRows<float> f;
  HWY_DYNAMIC_DISPATCH(find_float)(f);
  return f;
}
AttentionRows<double> attention_rows(double) {
  AttentionRows<double> f;
  HWY_DYNAMIC_DISPATCH(find_double)(f);
  return f;
}

}  // namespace flambeau::cpu
#endif
