#include "softmax_rows.h"

#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/softmax_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include "exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {

template <typename R>
void row(R* dst, const R* src, int64_t n, bool log) {
  const hn::ScalableTag<R> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const R low = -std::numeric_limits<R>::infinity();
  const int64_t whole = n / lanes * lanes, tail = n - whole;

  V max0 = hn::Set(d, low), max1 = max0;
  int64_t i = 0;
  for (; i + 2 * lanes <= whole; i += 2 * lanes) {
    max0 = hn::Max(max0, hn::LoadU(d, src + i));
    max1 = hn::Max(max1, hn::LoadU(d, src + i + lanes));
  }
  for (; i < whole; i += lanes) max0 = hn::Max(max0, hn::LoadU(d, src + i));
  if (tail) max1 = hn::Max(max1, load_tail(d, src + whole, tail, low));
  const V max = hn::MaxOfLanes(d, hn::Max(max0, max1));

  V sum0 = hn::Zero(d), sum1 = sum0;
  const auto term = [&](V x) HWY_ATTR { return exp_down(d, hn::Sub(x, max)); };
  for (i = 0; i + 2 * lanes <= whole; i += 2 * lanes) {
    const V a = term(hn::LoadU(d, src + i)), b = term(hn::LoadU(d, src + i + lanes));
    sum0 = hn::Add(sum0, a);
    sum1 = hn::Add(sum1, b);
    if (!log) {
      hn::StoreU(a, d, dst + i);
      hn::StoreU(b, d, dst + i + lanes);
    }
  }
  for (; i < whole; i += lanes) {
    const V a = term(hn::LoadU(d, src + i));
    sum0 = hn::Add(sum0, a);
    if (!log) hn::StoreU(a, d, dst + i);
  }
  if (tail) {
    const V a = term(load_tail(d, src + whole, tail, low));
    // The padding counts as nothing, also where max is infinite.
    HWY_ALIGN R buffer[hn::MaxLanes(decltype(d)())];
    hn::Store(a, d, buffer);
    for (int64_t t = tail; t < lanes; ++t) buffer[t] = 0;
    sum1 = hn::Add(sum1, hn::Load(d, buffer));
    if (!log)
      for (int64_t t = 0; t < tail; ++t) dst[whole + t] = buffer[t];
  }
  const R total = hn::GetLane(hn::SumOfLanes(d, hn::Add(sum0, sum1)));
  if (log) {
    const R shift = hn::GetLane(max) + std::log(total);
    for (i = 0; i < n; ++i) dst[i] = src[i] - shift;
  } else {
    const R scale = 1 / total;
    for (i = 0; i < n; ++i) dst[i] *= scale;
  }
}

// exp(x[i] - shift[i]) for i < n
template <typename R>
HWY_INLINE void exp_shifted(R* dst, const R* x, const R* shift, int64_t n) {
  const hn::ScalableTag<R> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(exp_down(d, hn::Sub(hn::LoadU(d, x + i), hn::LoadU(d, shift + i))), d, dst + i);
  if (i < n)
    store_tail(d, exp_down(d, hn::Sub(load_tail(d, x + i, n - i, R(0)), load_tail(d, shift + i, n - i, R(0)))), dst + i,
               n - i);
}

template <typename R>
void strip(R* data, R* scratch, int64_t size, int64_t width, bool log) {
  R* max = scratch;
  R* sum = scratch + width;
  for (int64_t c = 0; c < width; ++c) {
    max[c] = -std::numeric_limits<R>::infinity();
    sum[c] = 0;
  }
  for (int64_t k = 0; k < size; ++k)
    for (int64_t c = 0; c < width; ++c) max[c] = data[k * width + c] > max[c] ? data[k * width + c] : max[c];
  if (log) {
    // One strip of exponentials at a time, since the values are needed again.
    constexpr int64_t kPart = 64;
    R part[kPart];
    for (int64_t k = 0; k < size; ++k)
      for (int64_t c = 0; c < width; c += kPart) {
        const int64_t n = width - c < kPart ? width - c : kPart;
        exp_shifted(part, data + k * width + c, max + c, n);
        for (int64_t j = 0; j < n; ++j) sum[c + j] += part[j];
      }
    for (int64_t c = 0; c < width; ++c) max[c] += std::log(sum[c]);
    for (int64_t k = 0; k < size; ++k)
      for (int64_t c = 0; c < width; ++c) data[k * width + c] -= max[c];
    return;
  }
  for (int64_t k = 0; k < size; ++k) {
    R* row = data + k * width;
    exp_shifted(row, row, max, width);
    for (int64_t c = 0; c < width; ++c) sum[c] += row[c];
  }
  for (int64_t c = 0; c < width; ++c) sum[c] = 1 / sum[c];
  for (int64_t k = 0; k < size; ++k)
    for (int64_t c = 0; c < width; ++c) data[k * width + c] *= sum[c];
}

template <typename R>
void row_backward(R* dst, const R* grad, const R* out, int64_t n, bool log) {
  R a = 0, b = 0, c = 0, d = 0;
  const int64_t q = n / 4;
  const hn::ScalableTag<R> tag;
  if (log) {
#pragma omp simd reduction(+ : a, b, c, d)
    for (int64_t i = 0; i < q; ++i) {
      a += grad[i];
      b += grad[q + i];
      c += grad[2 * q + i];
      d += grad[3 * q + i];
    }
    for (int64_t i = 4 * q; i < n; ++i) a += grad[i];
    const auto sum = hn::Set(tag, (a + b) + (c + d));
    const auto lanes = static_cast<int64_t>(hn::Lanes(tag));
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes)
      hn::StoreU(hn::NegMulAdd(exp_down(tag, hn::LoadU(tag, out + i)), sum, hn::LoadU(tag, grad + i)), tag, dst + i);
    if (i < n)
      store_tail(tag,
                 hn::NegMulAdd(exp_down(tag, load_tail(tag, out + i, n - i, R(0))), sum,
                               load_tail(tag, grad + i, n - i, R(0))),
                 dst + i, n - i);
    return;
  }
#pragma omp simd reduction(+ : a, b, c, d)
  for (int64_t i = 0; i < q; ++i) {
    a += grad[i] * out[i];
    b += grad[q + i] * out[q + i];
    c += grad[2 * q + i] * out[2 * q + i];
    d += grad[3 * q + i] * out[3 * q + i];
  }
  for (int64_t i = 4 * q; i < n; ++i) a += grad[i] * out[i];
  const R dot = (a + b) + (c + d);
  for (int64_t i = 0; i < n; ++i) dst[i] = (grad[i] - dot) * out[i];
}

template <typename R>
void strip_backward(R* grad, const R* out, R* scratch, int64_t size, int64_t width, bool log) {
  R* sum = scratch;
  R* part = scratch + width;
  for (int64_t c = 0; c < width; ++c) sum[c] = part[c] = 0;
  for (int64_t k = 0; k < size; ++k)
    for (int64_t c = 0; c < width; ++c) sum[c] += log ? grad[k * width + c] : grad[k * width + c] * out[k * width + c];
  for (int64_t k = 0; k < size; ++k) {
    R* g = grad + k * width;
    const R* o = out + k * width;
    if (log) {
      const hn::ScalableTag<R> d;
      const auto lanes = static_cast<int64_t>(hn::Lanes(d));
      int64_t c = 0;
      for (; c + lanes <= width; c += lanes)
        hn::StoreU(hn::NegMulAdd(exp_down(d, hn::LoadU(d, o + c)), hn::LoadU(d, sum + c), hn::LoadU(d, g + c)), d,
                   g + c);
      for (; c < width; ++c) g[c] -= std::exp(o[c]) * sum[c];
    } else {
      for (int64_t c = 0; c < width; ++c) g[c] = (g[c] - sum[c]) * o[c];
    }
  }
}

template <typename R>
void find(SoftmaxFunctions<R>& f) {
  f = {row<R>, strip<R>, row_backward<R>, strip_backward<R>};
}
void find_float(SoftmaxFunctions<float>& f) { find(f); }
void find_double(SoftmaxFunctions<double>& f) { find(f); }

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(find_float);
HWY_EXPORT(find_double);

SoftmaxFunctions<float> softmax_functions(float) {
  SoftmaxFunctions<float> f;
  HWY_DYNAMIC_DISPATCH(find_float)(f);
  return f;
}
SoftmaxFunctions<double> softmax_functions(double) {
  SoftmaxFunctions<double> f;
  HWY_DYNAMIC_DISPATCH(find_double)(f);
  return f;
}

}  // namespace flambeau::cpu
#endif
