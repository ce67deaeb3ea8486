// Exponentials of what a softmax gives: at most 0, up to rounding. No include guard: foreach_target.h includes this
// file's user again for each target, after <hwy/contrib/math/math-inl.h>.
HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// For x up to 88, with a relative error of 2e-7: zero below the normal numbers of float32, as PyTorch has it; NaN
// passes. The polynomial is Cephes' (Moshier).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp_down(D d, V x) {
  if constexpr (sizeof(hn::TFromD<D>) == 8) {
    return hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(d, x));  // Highway's gives zero for NaN
  } else {
    // x = n·ln 2 + r; adding 1.5·2^23 rounds to a whole number, and the bits end in n + 127 then.
    const V magic = hn::Set(d, 12582912.0f + 127.0f);
    const V shifted = hn::MulAdd(x, hn::Set(d, 1.44269504088896341f), magic), n = hn::Sub(shifted, magic);
    V r = hn::MulAdd(n, hn::Set(d, -0.693359375f), x);
    r = hn::MulAdd(n, hn::Set(d, 2.12194440e-4f), r);
    V p = hn::MulAdd(hn::Set(d, 1.9875691500e-4f), r, hn::Set(d, 1.3981999507e-3f));
    p = hn::MulAdd(p, r, hn::Set(d, 8.3334519073e-3f));
    p = hn::MulAdd(p, r, hn::Set(d, 4.1665795894e-2f));
    p = hn::MulAdd(p, r, hn::Set(d, 1.6666665459e-1f));
    p = hn::MulAdd(p, r, hn::Set(d, 5.0000001201e-1f));
    const V mantissa = hn::Add(hn::MulAdd(p, hn::Mul(r, r), r), hn::Set(d, 1.0f));
    const V power = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(hn::RebindToSigned<D>(), shifted)));
    return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -87.3365f)), hn::Mul(mantissa, power));
  }
}

// The last elements of a row, filled up with `pad`.
template <class D, typename R = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_tail(D d, const R* src, int64_t n, R pad) {
  HWY_ALIGN R buffer[hn::MaxLanes(D())];
  for (size_t i = 0; i < hn::Lanes(d); ++i) buffer[i] = static_cast<int64_t>(i) < n ? src[i] : pad;
  return hn::Load(d, buffer);
}
template <class D, class V, typename R = hn::TFromD<D>>
HWY_INLINE void store_tail(D d, V v, R* dst, int64_t n) {
  HWY_ALIGN R buffer[hn::MaxLanes(D())];
  hn::Store(v, d, buffer);
  for (int64_t i = 0; i < n; ++i) dst[i] = buffer[i];
}

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();
