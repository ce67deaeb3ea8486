// Butterflies: discrete Fourier transforms of a few complex vectors. Included once for each target.
#if defined(FLAMBEAU_FFT_RADIX_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FLAMBEAU_FFT_RADIX_INL
#undef FLAMBEAU_FFT_RADIX_INL
#else
#define FLAMBEAU_FFT_RADIX_INL
#endif

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu::fft {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <typename R>
using Lanes = hn::CappedTag<R, 32 / sizeof(R)>;
template <typename R>
inline constexpr int kLanes = static_cast<int>(hn::MaxLanes(Lanes<R>()));

template <typename R>
struct Pair {
  using V = hn::Vec<Lanes<R>>;
  V re, im;
};

template <typename R>
HWY_INLINE Pair<R> load(const R* at) {
  const Lanes<R> d;
  return {hn::LoadU(d, at), hn::LoadU(d, at + kLanes<R>)};
}
template <typename R>
HWY_INLINE void store(const Pair<R>& x, R* at) {
  const Lanes<R> d;
  hn::StoreU(x.re, d, at);
  hn::StoreU(x.im, d, at + kLanes<R>);
}
// One complex number in all lanes.
template <typename R>
HWY_INLINE Pair<R> spread(const R* at) {
  const Lanes<R> d;
  return {hn::Set(d, at[0]), hn::Set(d, at[1])};
}
template <typename R>
HWY_INLINE Pair<R> operator+(const Pair<R>& a, const Pair<R>& b) {
  return {hn::Add(a.re, b.re), hn::Add(a.im, b.im)};
}
template <typename R>
HWY_INLINE Pair<R> operator-(const Pair<R>& a, const Pair<R>& b) {
  return {hn::Sub(a.re, b.re), hn::Sub(a.im, b.im)};
}
template <typename R>
HWY_INLINE Pair<R> operator*(const Pair<R>& a, const Pair<R>& b) {
  return {hn::NegMulAdd(a.im, b.im, hn::Mul(a.re, b.re)), hn::MulAdd(a.im, b.re, hn::Mul(a.re, b.im))};
}
// a - ib and a + ib
template <typename R>
HWY_INLINE Pair<R> minus_i(const Pair<R>& a, const Pair<R>& b) {
  return {hn::Add(a.re, b.im), hn::Sub(a.im, b.re)};
}
template <typename R>
HWY_INLINE Pair<R> plus_i(const Pair<R>& a, const Pair<R>& b) {
  return {hn::Sub(a.re, b.im), hn::Add(a.im, b.re)};
}

// Where the results of a butterfly go, `stride` apart, the j-th times the j-th twiddle.
template <typename R, bool kTwiddles>
struct Results {
  R* at;
  int64_t stride;
  const R* twiddles;

  template <int j>
  HWY_INLINE void put(const Pair<R>& x) const {
    if constexpr (kTwiddles && j > 0)
      store(x * spread(twiddles + 2 * (j - 1)), at + j * stride);
    else
      store(x, at + j * stride);
  }
};

template <typename R, typename Out>
HWY_INLINE void butterfly2(const R* in, int64_t stride, const Out& out) {
  const auto a = load(in), b = load(in + stride);
  out.template put<0>(a + b);
  out.template put<1>(a - b);
}

template <typename R, typename Out>
HWY_INLINE void butterfly4(const R* in, int64_t stride, const Out& out) {
  const auto x0 = load(in), x1 = load(in + stride), x2 = load(in + 2 * stride), x3 = load(in + 3 * stride);
  const auto a = x0 + x2, b = x0 - x2, c = x1 + x3, d = x1 - x3;
  out.template put<0>(a + c);
  out.template put<1>(minus_i(b, d));
  out.template put<2>(a - c);
  out.template put<3>(plus_i(b, d));
}

template <typename R, typename Out>
HWY_INLINE void butterfly8(const R* in, int64_t stride, const Out& out) {
  const Lanes<R> d;
  const auto half = hn::Set(d, static_cast<R>(0.70710678118654752440));
  // The odd differences first, so that fewer values are held at a time.
  const auto x0 = load(in), x4 = load(in + 4 * stride), x2 = load(in + 2 * stride), x6 = load(in + 6 * stride);
  const auto a0 = x0 + x4, a1 = x0 - x4, a2 = x2 + x6, a3 = x2 - x6;
  const auto e0 = a0 + a2, e2 = a0 - a2, e1 = minus_i(a1, a3), e3 = plus_i(a1, a3);
  const auto x1 = load(in + stride), x5 = load(in + 5 * stride), x3 = load(in + 3 * stride), x7 = load(in + 7 * stride);
  const auto b0 = x1 + x5, b1 = x1 - x5, b2 = x3 + x7, b3 = x3 - x7;
  const auto o0 = b0 + b2, o2 = b0 - b2;
  out.template put<0>(e0 + o0);
  out.template put<4>(e0 - o0);
  out.template put<2>(minus_i(e2, o2));
  out.template put<6>(plus_i(e2, o2));
  const auto p1 = minus_i(b1, b3), p3 = plus_i(b1, b3);
  // p1 · (1 - i)/√2 and p3 · (-1 - i)/√2
  const Pair<R> o1{hn::Mul(half, hn::Add(p1.re, p1.im)), hn::Mul(half, hn::Sub(p1.im, p1.re))};
  const Pair<R> o3{hn::Mul(half, hn::Sub(p3.im, p3.re)), hn::Mul(half, hn::Neg(hn::Add(p3.re, p3.im)))};
  out.template put<1>(e1 + o1);
  out.template put<5>(e1 - o1);
  out.template put<3>(e3 + o3);
  out.template put<7>(e3 - o3);
}

template <typename R, typename Out>
HWY_INLINE void butterfly3(const R* in, int64_t stride, const Out& out) {
  const Lanes<R> d;
  const auto cosine = hn::Set(d, static_cast<R>(-0.5)), sine = hn::Set(d, static_cast<R>(0.86602540378443864676));
  const auto x0 = load(in), x1 = load(in + stride), x2 = load(in + 2 * stride);
  const auto sum = x1 + x2, difference = x1 - x2;
  out.template put<0>(x0 + sum);
  const Pair<R> a{hn::MulAdd(cosine, sum.re, x0.re), hn::MulAdd(cosine, sum.im, x0.im)};
  const Pair<R> b{hn::Mul(sine, difference.re), hn::Mul(sine, difference.im)};
  out.template put<1>(minus_i(a, b));
  out.template put<2>(plus_i(a, b));
}

template <typename R, typename Out>
HWY_INLINE void butterfly5(const R* in, int64_t stride, const Out& out) {
  const Lanes<R> d;
  const auto c1 = hn::Set(d, static_cast<R>(0.30901699437494742410));
  const auto c2 = hn::Set(d, static_cast<R>(-0.80901699437494742410));
  const auto s1 = hn::Set(d, static_cast<R>(0.95105651629515357212));
  const auto s2 = hn::Set(d, static_cast<R>(0.58778525229247312917));
  const auto x0 = load(in), x1 = load(in + stride), x4 = load(in + 4 * stride);
  const auto p1 = x1 + x4, m1 = x1 - x4;
  const auto x2 = load(in + 2 * stride), x3 = load(in + 3 * stride);
  const auto p2 = x2 + x3, m2 = x2 - x3;
  out.template put<0>(x0 + p1 + p2);
  const Pair<R> a{hn::MulAdd(c1, p1.re, hn::MulAdd(c2, p2.re, x0.re)),
                  hn::MulAdd(c1, p1.im, hn::MulAdd(c2, p2.im, x0.im))};
  const Pair<R> b{hn::MulAdd(s1, m1.re, hn::Mul(s2, m2.re)), hn::MulAdd(s1, m1.im, hn::Mul(s2, m2.im))};
  out.template put<1>(minus_i(a, b));
  out.template put<4>(plus_i(a, b));
  const Pair<R> e{hn::MulAdd(c2, p1.re, hn::MulAdd(c1, p2.re, x0.re)),
                  hn::MulAdd(c2, p1.im, hn::MulAdd(c1, p2.im, x0.im))};
  const Pair<R> f{hn::NegMulAdd(s1, m2.re, hn::Mul(s2, m1.re)), hn::NegMulAdd(s1, m2.im, hn::Mul(s2, m1.im))};
  out.template put<2>(minus_i(e, f));
  out.template put<3>(plus_i(e, f));
}

// Any odd p: with sums and differences of opposite elements, results j and p - j share their products.
// `circle` has cos and sin of 2πk/p.
template <typename R, typename Out>
HWY_INLINE void butterfly_odd(int p, const R* circle, const R* in, int64_t stride, const Out& out) {
  const Lanes<R> d;
  constexpr int kHalf = kMaxRadix / 2;
  HWY_ALIGN R plus[kHalf * 2 * kMaxLanes], minus[kHalf * 2 * kMaxLanes];
  constexpr int kStep = 2 * kLanes<R>;
  const auto x0 = load(in);
  auto total = x0;
  const int half = p / 2;
  for (int k = 1; k <= half; ++k) {
    const auto a = load(in + k * stride), b = load(in + (p - k) * stride);
    const auto sum = a + b;
    total = total + sum;
    store(sum, plus + (k - 1) * kStep);
    store(a - b, minus + (k - 1) * kStep);
  }
  store(total, out.at);
  for (int j = 1; j <= half; ++j) {
    auto a = x0;
    Pair<R> b{hn::Zero(d), hn::Zero(d)};
    for (int k = 1, turn = j; k <= half; ++k) {
      const auto c = hn::Set(d, circle[2 * turn]), s = hn::Set(d, circle[2 * turn + 1]);
      const auto sum = load(plus + (k - 1) * kStep), difference = load(minus + (k - 1) * kStep);
      a = {hn::MulAdd(c, sum.re, a.re), hn::MulAdd(c, sum.im, a.im)};
      b = {hn::MulAdd(s, difference.re, b.re), hn::MulAdd(s, difference.im, b.im)};
      turn += j;
      if (turn >= p) turn -= p;
    }
    const auto w = out.twiddles;
    store(w ? minus_i(a, b) * spread(w + 2 * (j - 1)) : minus_i(a, b), out.at + j * out.stride);
    store(w ? plus_i(a, b) * spread(w + 2 * (p - j - 1)) : plus_i(a, b), out.at + (p - j) * out.stride);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu::fft
HWY_AFTER_NAMESPACE();

#endif
