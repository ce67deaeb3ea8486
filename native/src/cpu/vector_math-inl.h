// Powers, sines and cosines of float32 in vectors. No include guard: foreach_target.h includes this file's user again
// for each target. Polynomials: tools/fit_vector_math.py.
HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The last elements, and ones.
HWY_INLINE hn::Vec<hn::ScalableTag<float>> load_few(const float* src, int64_t n) {
  const hn::ScalableTag<float> d;
  HWY_ALIGN float buffer[hn::MaxLanes(hn::ScalableTag<float>())];
  for (size_t i = 0; i < hn::Lanes(d); ++i) buffer[i] = static_cast<int64_t>(i) < n ? src[i] : 1.0f;
  return hn::Load(d, buffer);
}
HWY_INLINE void store_few(hn::Vec<hn::ScalableTag<float>> v, float* dst, int64_t n) {
  const hn::ScalableTag<float> d;
  HWY_ALIGN float buffer[hn::MaxLanes(hn::ScalableTag<float>())];
  hn::Store(v, d, buffer);
  for (int64_t i = 0; i < n; ++i) dst[i] = buffer[i];
}

#if HWY_TARGET == HWY_SCALAR || !HWY_HAVE_FLOAT64
struct pow_op {
  template <typename T>
  T operator()(T base, T exponent) const {
    return std::pow(base, exponent);
  }
};
#else
// x^y = 2^(y·log2 x). Inside in double, so that results are rounded once, subnormal ones as well: y·log2 x is up to
// 150, and 2^-31 off.
struct pow_op {
  using D = hn::ScalableTag<float>;
  using V = hn::Vec<D>;
  using Wide = hn::Repartition<double, D>;
  using W = hn::Vec<Wide>;

  // 2^(y·(k + log2(1 + f))) for 1 + f between √½ and √2.
  static HWY_INLINE W scaled(W f, W k, W y) {
    const Wide d;
    const W s = hn::Div(f, hn::Add(f, hn::Set(d, 2.0))), z = hn::Mul(s, s);
    W p = hn::MulAdd(hn::Set(d, 0.34073220120817549), z, hn::Set(d, 0.41167261088326051));
    p = hn::MulAdd(p, z, hn::Set(d, 0.57708358667644855));
    p = hn::MulAdd(p, z, hn::Set(d, 0.96179667333333152));
    p = hn::MulAdd(p, z, hn::Set(d, 2.8853900817900926));
    // Beyond these the result is 0 or infinity.
    const W t = hn::Max(hn::Min(hn::Mul(y, hn::MulAdd(s, p, k)), hn::Set(d, 200.0)), hn::Set(d, -200.0));
    const W magic = hn::Set(d, 6755399441055744.0);  // 1.5·2^52: adding it rounds to a whole number
    const W shifted = hn::Add(t, magic), r = hn::Sub(t, hn::Sub(shifted, magic));
    W q = hn::MulAdd(hn::Set(d, 0.00015353341126611575), r, hn::Set(d, 0.0013398900207430842));
    q = hn::MulAdd(q, r, hn::Set(d, 0.0096184376060082233));
    q = hn::MulAdd(q, r, hn::Set(d, 0.055503324095762474));
    q = hn::MulAdd(q, r, hn::Set(d, 0.24022647910287398));
    q = hn::MulAdd(q, r, hn::Set(d, 0.69314720288099008));
    q = hn::MulAdd(q, r, hn::Set(d, 1.0));
    const hn::RebindToSigned<Wide> bits;
    return hn::BitCast(d, hn::Add(hn::BitCast(bits, q), hn::ShiftLeft<52>(hn::BitCast(bits, shifted))));
  }

  static HWY_INLINE V power(V x, V y) {
    const D d;
    const Wide wide;
    const hn::RebindToSigned<D> bits;
    const hn::Half<D> half;
    const V zero = hn::Zero(d), one = hn::Set(d, 1.0f), infinity = hn::Set(d, kInf<float>);
    const V smallest = hn::Set(d, 1.17549435e-38f);
    const bool plain =
        hn::AllTrue(d, hn::And(hn::And(hn::Ge(x, smallest), hn::Lt(x, infinity)), hn::Lt(hn::Abs(y), infinity)));
    V magnitude = x, less = zero;
    if (!plain) {
      magnitude = hn::Abs(x);
      const auto tiny = hn::Lt(magnitude, smallest);
      magnitude = hn::IfThenElse(tiny, hn::Mul(magnitude, hn::Set(d, 8388608.0f)), magnitude);
      less = hn::IfThenElseZero(tiny, hn::Set(d, 23.0f));
    }
    const auto root = hn::Set(bits, 0x3f3504f3);  // the bits of √½
    const auto offset = hn::Sub(hn::BitCast(bits, magnitude), root);
    const auto fraction = hn::Add(hn::And(offset, hn::Set(bits, 0x007fffff)), root);
    const V f = hn::Sub(hn::BitCast(d, fraction), one);
    V k = hn::Sub(hn::ConvertTo(d, hn::ShiftRight<23>(offset)), less);
    if (!plain) {
      k = hn::IfThenElse(hn::Eq(magnitude, zero), hn::Neg(infinity), k);
      k = hn::IfThenElse(hn::Eq(magnitude, infinity), infinity, k);
    }
    const auto lower = [&](V v) HWY_ATTR { return hn::PromoteTo(wide, hn::LowerHalf(half, v)); };
    const auto upper = [&](V v) HWY_ATTR { return hn::PromoteTo(wide, hn::UpperHalf(half, v)); };
    const W low = scaled(lower(f), lower(k), lower(y)), high = scaled(upper(f), upper(k), upper(y));
    const V result = hn::Combine(d, hn::DemoteTo(half, high), hn::DemoteTo(half, low));
    return plain ? result : special(x, y, result);
  }

  // What C's pow says of signs, zeros, infinities and NaN.
  static HWY_INLINE V special(V x, V y, V result) {
    const D d;
    const V zero = hn::Zero(d), one = hn::Set(d, 1.0f), infinity = hn::Set(d, kInf<float>);
    const V magnitude = hn::Abs(x), halved = hn::Mul(y, hn::Set(d, 0.5f));
    const auto whole = hn::Eq(hn::Trunc(y), y);
    const auto odd = hn::AndNot(hn::Eq(hn::Trunc(halved), halved), whole);
    result = hn::IfThenElse(odd, hn::CopySign(result, x), result);
    const auto imaginary = hn::AndNot(whole, hn::And(hn::Lt(x, zero), hn::Lt(magnitude, infinity)));
    const auto unknown = hn::Or(hn::IsNaN(x), hn::IsNaN(y));
    result = hn::IfThenElse(hn::Or(imaginary, unknown), hn::Set(d, kNan<float>), result);
    const auto ones = hn::And(hn::Eq(magnitude, one), hn::Eq(hn::Abs(y), infinity));
    return hn::IfThenElse(hn::Or(ones, hn::Or(hn::Eq(x, one), hn::Eq(y, zero))), one, result);
  }

  void run(float* dst, const float* x, const float* y, int64_t n) const {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes) hn::StoreU(power(hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, dst + i);
    if (i < n) store_few(power(load_few(x + i, n - i), load_few(y + i, n - i)), dst + i, n - i);
  }
  double operator()(double base, double exponent) const { return std::pow(base, exponent); }
};
#endif

// x = k·π/2 + r, with r as a sum of two floats; sin or cos of r. Where there is no multiplication and addition in one
// instruction, in double.
template <int kShift>
struct circular_op {
  using D = hn::ScalableTag<float>;
  using V = hn::Vec<D>;

  static HWY_INLINE V near(V x) {
    const D d;
    const hn::RebindToSigned<D> bits;
    const V magic = hn::Set(d, 12582912.0f);  // 1.5·2^23: adding it rounds to a whole number
    const V shifted = hn::MulAdd(x, hn::Set(d, 0.636619772f), magic), k = hn::Sub(shifted, magic);
    // π/2 in three floats. The first difference is exact; of the second one, what rounding takes away is kept (Knuth's
    // sum of two). The product is an fma, with 0, so that the compiler does not join it with what follows.
    const V first = hn::NegMulAdd(k, hn::Set(d, 1.57079637f), x);
    const V middle = hn::Set(d, -4.37113883e-08f), product = hn::MulAdd(k, middle, hn::Zero(d));
    const V r = hn::Sub(first, product), part = hn::Sub(r, first);
    const V rounded = hn::Sub(hn::Add(product, part), hn::Sub(first, hn::Sub(r, part)));
    // In this order of operations -0 stays what it is.
    const V less = hn::MulAdd(k, hn::Set(d, -1.71512451e-15f), hn::Add(hn::MulSub(k, middle, product), rounded));
    const V z = hn::Mul(r, r);
    V s = hn::MulAdd(hn::Set(d, kSin[3]), z, hn::Set(d, kSin[2]));
    s = hn::MulAdd(s, z, hn::Set(d, kSin[1]));
    s = hn::MulAdd(s, z, hn::Set(d, kSin[0]));
    s = hn::Sub(r, hn::MulAdd(hn::Mul(r, z), s, less));
    V c = hn::MulAdd(hn::Set(d, kCos[2]), z, hn::Set(d, kCos[1]));
    c = hn::MulAdd(c, z, hn::Set(d, kCos[0]));
    // 1 - z/2 and what is lost of it.
    const V one = hn::Set(d, 1.0f), half = hn::Set(d, 0.5f), near_one = hn::NegMulAdd(z, half, one);
    const V lost = hn::NegMulAdd(z, half, hn::Sub(one, near_one));
    c = hn::Add(near_one, hn::MulAdd(hn::Mul(z, z), c, hn::MulAdd(r, less, lost)));
    auto quadrant = hn::BitCast(bits, shifted);
    if constexpr (kShift != 0) quadrant = hn::Add(quadrant, hn::Set(bits, kShift));
    const V value = hn::IfNegativeThenElse(hn::BitCast(d, hn::ShiftLeft<31>(quadrant)), c, s);
    const auto sign = hn::ShiftLeft<30>(hn::And(quadrant, hn::Set(bits, 2)));
    return hn::Xor(value, hn::BitCast(d, sign));
  }
  static HWY_INLINE V turned(V x) {
    const D d;
    const V result = near(x);
    const auto inside = hn::Lt(hn::Abs(x), hn::Set(d, static_cast<float>(kTrigLimit)));
    if (hn::AllTrue(d, inside)) [[likely]]
      return result;
    HWY_ALIGN float far[hn::MaxLanes(D())];
    hn::Store(x, d, far);
    for (size_t l = 0; l < hn::Lanes(d); ++l)
      if (!(std::fabs(far[l]) < static_cast<float>(kTrigLimit))) far[l] = slow(far[l]);
    return hn::IfThenElse(inside, result, hn::Load(d, far));
  }
  void run(float* dst, const float* x, int64_t n) const {
    if constexpr (HWY_NATIVE_FMA) {
      const D d;
      const auto lanes = static_cast<int64_t>(hn::Lanes(d));
      int64_t i = 0;
      for (; i + lanes <= n; i += lanes) hn::StoreU(turned(hn::LoadU(d, x + i)), d, dst + i);
      if (i < n) store_few(turned(load_few(x + i, n - i)), dst + i, n - i);
    } else {
      run_ranged(*this, dst, x, n);
    }
  }
  float fast(float a) const { return static_cast<float>(sin_of(a, kShift)); }
  template <typename T>
  static T slow(T a) {
    return kShift == 0 ? std::sin(a) : std::cos(a);
  }
  double operator()(double a) const { return slow(a); }

  static constexpr float kSin[4] = {0.166666666f, -0.00833332837f, 0.000198390215f, -2.71543366e-06f};
  static constexpr float kCos[3] = {0.0416666407f, -0.00138870795f, 2.44065223e-05f};
};
struct sin_op : circular_op<0> {};
struct cos_op : circular_op<1> {};

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();
