#include "channel_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/channel_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Partial sums in R are short enough to be exact to its precision; across them they are kept in double.
constexpr int64_t kPart = 1024;

// Four vectors of a period's lanes, as the parameters of four vectors of elements in a row.
template <class D>
struct Lanes4 {
  using R = hn::TFromD<D>;
  using V = hn::Vec<D>;
  V v0, v1, v2, v3;
  static Lanes4 of(D d, const R* p) {
    const int64_t n = static_cast<int64_t>(hn::Lanes(d));
    return {hn::LoadU(d, p), hn::LoadU(d, p + n % kChannelLanes), hn::LoadU(d, p + 2 * n % kChannelLanes),
            hn::LoadU(d, p + 3 * n % kChannelLanes)};
  }
  static Lanes4 of_run(D d, const R* p) {
    const int64_t n = static_cast<int64_t>(hn::Lanes(d));
    return {hn::LoadU(d, p), hn::LoadU(d, p + n), hn::LoadU(d, p + 2 * n), hn::LoadU(d, p + 3 * n)};
  }
  static Lanes4 zero(D d) { return {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)}; }
  void store(D d, R* p) const {
    const int64_t n = static_cast<int64_t>(hn::Lanes(d));
    hn::StoreU(v0, d, p);
    hn::StoreU(v1, d, p + n);
    hn::StoreU(v2, d, p + 2 * n);
    hn::StoreU(v3, d, p + 3 * n);
  }
  void add_to(D d, double* sums) const {
    constexpr int64_t kMost = 4 * kChannelLanes;
    const int64_t n = static_cast<int64_t>(hn::Lanes(d));
    HWY_ALIGN R buffer[kMost];
    store(d, buffer);
    const int64_t period = 4 * n < kChannelLanes ? 4 * n : kChannelLanes;
    for (int64_t at = 0; at < 4 * n; at += period)
      for (int64_t l = 0; l < period; ++l) sums[l] += static_cast<double>(buffer[at + l]);
  }
};

// Calls body(element, lane) for what is left of a run. Doubles may begin in the middle of a period: their lanes are
// equal.
template <typename Body>
HWY_INLINE void each_rest(int64_t i, int64_t n, const Body& body) {
  for (; i + kChannelLanes <= n; i += kChannelLanes)
#pragma GCC ivdep
    for (int64_t l = 0; l < kChannelLanes; ++l) body(i + l, l);
  for (int64_t l = 0; i < n; ++i, ++l) body(i, l);
}

template <typename R>
void moments(const R* x, const R* center, int64_t n, double* sums, double* squares) {
  const hn::CappedTag<R, kChannelLanes> d;
  using L = Lanes4<decltype(d)>;
  const int64_t step = 4 * static_cast<int64_t>(hn::Lanes(d));
  const L c = L::of(d, center);
  int64_t i = 0;
  while (i + step <= n) {
    const int64_t end = n - i < kPart ? n : i + kPart;
    L a = L::zero(d), b = a;
    for (; i + step <= end; i += step) {
      const L u = L::of_run(d, x + i);
      const auto x0 = hn::Sub(u.v0, c.v0), x1 = hn::Sub(u.v1, c.v1);
      const auto x2 = hn::Sub(u.v2, c.v2), x3 = hn::Sub(u.v3, c.v3);
      a = {hn::Add(a.v0, x0), hn::Add(a.v1, x1), hn::Add(a.v2, x2), hn::Add(a.v3, x3)};
      b = {hn::MulAdd(x0, x0, b.v0), hn::MulAdd(x1, x1, b.v1), hn::MulAdd(x2, x2, b.v2), hn::MulAdd(x3, x3, b.v3)};
    }
    a.add_to(d, sums);
    b.add_to(d, squares);
  }
  each_rest(i, n, [&](int64_t at, int64_t l) {
    const R u = x[at] - center[l];
    sums[l] += static_cast<double>(u);
    squares[l] += static_cast<double>(u * u);
  });
}

template <typename R>
void products(const R* grad, const R* x, const R* center, int64_t n, double* sums, double* products) {
  const hn::CappedTag<R, kChannelLanes> d;
  using L = Lanes4<decltype(d)>;
  const int64_t step = 4 * static_cast<int64_t>(hn::Lanes(d));
  const L c = L::of(d, center);
  int64_t i = 0;
  while (i + step <= n) {
    const int64_t end = n - i < kPart ? n : i + kPart;
    L a = L::zero(d), b = a;
    for (; i + step <= end; i += step) {
      const L g = L::of_run(d, grad + i), u = L::of_run(d, x + i);
      a = {hn::Add(a.v0, g.v0), hn::Add(a.v1, g.v1), hn::Add(a.v2, g.v2), hn::Add(a.v3, g.v3)};
      b = {hn::MulAdd(g.v0, hn::Sub(u.v0, c.v0), b.v0), hn::MulAdd(g.v1, hn::Sub(u.v1, c.v1), b.v1),
           hn::MulAdd(g.v2, hn::Sub(u.v2, c.v2), b.v2), hn::MulAdd(g.v3, hn::Sub(u.v3, c.v3), b.v3)};
    }
    a.add_to(d, sums);
    b.add_to(d, products);
  }
  each_rest(i, n, [&](int64_t at, int64_t l) {
    sums[l] += static_cast<double>(grad[at]);
    products[l] += static_cast<double>(grad[at] * (x[at] - center[l]));
  });
}

template <typename R>
void apply(R* dst, const R* x, const R* center, const R* scale, const R* shift, int64_t n) {
  const hn::CappedTag<R, kChannelLanes> d;
  using L = Lanes4<decltype(d)>;
  const int64_t step = 4 * static_cast<int64_t>(hn::Lanes(d));
  const L c = L::of(d, center), s = L::of(d, scale), t = L::of(d, shift);
  int64_t i = 0;
  for (; i + step <= n; i += step) {
    const L u = L::of_run(d, x + i);
    L{hn::MulAdd(hn::Sub(u.v0, c.v0), s.v0, t.v0), hn::MulAdd(hn::Sub(u.v1, c.v1), s.v1, t.v1),
      hn::MulAdd(hn::Sub(u.v2, c.v2), s.v2, t.v2), hn::MulAdd(hn::Sub(u.v3, c.v3), s.v3, t.v3)}
        .store(d, dst + i);
  }
  each_rest(i, n, [&](int64_t at, int64_t l) { dst[at] = (x[at] - center[l]) * scale[l] + shift[l]; });
}

template <typename R>
void combine(R* dst, const R* grad, const R* x, const R* center, const R* a, const R* b, const R* shift, int64_t n) {
  const hn::CappedTag<R, kChannelLanes> d;
  using L = Lanes4<decltype(d)>;
  const int64_t step = 4 * static_cast<int64_t>(hn::Lanes(d));
  const L c = L::of(d, center), p = L::of(d, a), q = L::of(d, b), t = L::of(d, shift);
  int64_t i = 0;
  for (; i + step <= n; i += step) {
    const L g = L::of_run(d, grad + i), u = L::of_run(d, x + i);
    L{hn::MulAdd(g.v0, p.v0, hn::MulAdd(hn::Sub(u.v0, c.v0), q.v0, t.v0)),
      hn::MulAdd(g.v1, p.v1, hn::MulAdd(hn::Sub(u.v1, c.v1), q.v1, t.v1)),
      hn::MulAdd(g.v2, p.v2, hn::MulAdd(hn::Sub(u.v2, c.v2), q.v2, t.v2)),
      hn::MulAdd(g.v3, p.v3, hn::MulAdd(hn::Sub(u.v3, c.v3), q.v3, t.v3))}
        .store(d, dst + i);
  }
  each_rest(i, n, [&](int64_t at, int64_t l) { dst[at] = grad[at] * a[l] + ((x[at] - center[l]) * b[l] + shift[l]); });
}

template <typename R>
void find(ChannelFunctions<R>& f) {
  f = {moments<R>, products<R>, apply<R>, combine<R>};
}
void find_float(ChannelFunctions<float>& f) { find(f); }
void find_double(ChannelFunctions<double>& f) { find(f); }

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(find_float);
HWY_EXPORT(find_double);

ChannelFunctions<float> channel_functions(float) {
  ChannelFunctions<float> f;
  HWY_DYNAMIC_DISPATCH(find_float)(f);
  return f;
}
ChannelFunctions<double> channel_functions(double) {
  ChannelFunctions<double> f;
  HWY_DYNAMIC_DISPATCH(find_double)(f);
  return f;
}

}  // namespace flambeau::cpu
#endif
