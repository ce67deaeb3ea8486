// Exponentials, logarithms, trigonometry and error functions of the elementwise evaluator, compiled for every ISA.
// The kernels are branch-free so that loops over them are vectorised; float32 functions that need more than float32
// precision inside are computed in double. Polynomials: Cephes (Moshier), fdlibm (Sun), SLEEF, and Juffa for erf.
HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {

template <typename T>
inline constexpr T kInf = std::numeric_limits<T>::infinity();
template <typename T>
inline constexpr T kNan = std::numeric_limits<T>::quiet_NaN();

template <typename T>
inline T with_sign(T magnitude, T sign) {
  return copysign_op()(magnitude, sign);
}
// a·b + c, rounded once where that is one instruction.
template <typename T>
inline T mul_add(T a, T b, T c) {
#if HWY_NATIVE_FMA
  return std::fma(a, b, c);
#else
  return a * b + c;
#endif
}
struct mul_add_op {
  template <typename T>
  T operator()(T a, T b, T c) const {
    if constexpr (kFloat<T>)
      return mul_add(a, b, c);
    else
      return T(Wrapped<T>(a) * Wrapped<T>(b) + Wrapped<T>(c));
  }
};

// 2^n for an n in the range of normal exponents.
inline float power_of_two(int32_t n) { return std::bit_cast<float>((n + 127) << 23); }
inline double power_of_two(int64_t n) { return std::bit_cast<double>((n + 1023) << 52); }

// exp(x) = (1 + q)·2^n, with |ln of (1 + q)| ≤ ln(2)/2.
template <typename T>
struct Reduced {
  T q;
  BitsOf<T> n;
};
inline Reduced<float> reduce_exp(float x) {
  constexpr float magic = 12582912.0f;  // 1.5·2^23: adding it rounds to a whole number
  const float t = mul_add(x, 1.44269504088896341f, magic);
  const float k = t - magic;
  const float r = mul_add(k, 2.12194440e-4f, mul_add(k, -0.693359375f, x));
  float p = 1.9875691500e-4f;
  p = mul_add(p, r, 1.3981999507e-3f);
  p = mul_add(p, r, 8.3334519073e-3f);
  p = mul_add(p, r, 4.1665795894e-2f);
  p = mul_add(p, r, 1.6666665459e-1f);
  p = mul_add(p, r, 5.0000001201e-1f);
  return {mul_add(p, r * r, r), std::bit_cast<int32_t>(t) - std::bit_cast<int32_t>(magic)};
}
// With `wide`, n stays 0 up to |x| = ½, where the fraction still holds: expm1 then loses nothing to the sum.
inline Reduced<double> reduce_exp(double x, bool wide = false) {
  constexpr double magic = 6755399441055744.0;  // 1.5·2^52
  const double t = (wide & (std::fabs(x) < 0.5) ? 0.0 : x) * 1.4426950408889634074 + magic;
  const double k = t - magic;
  const double r = (x - k * 6.93145751953125e-1) - k * 1.42860682030941723212e-6;
  const double s = r * r;
  const double p = r * ((1.26177193074810590878e-4 * s + 3.02994407707441961300e-2) * s + 9.99999999999999999910e-1);
  const double q =
      ((3.00198505138664455042e-6 * s + 2.52448340349684104192e-3) * s + 2.27265548208155028766e-1) * s + 2.0;
  return {2.0 * p / (q - p), std::bit_cast<int64_t>(t) - std::bit_cast<int64_t>(magic)};
}

// Beyond these the result is 0, infinity or -1. NaN passes the comparisons.
template <typename T>
inline T limited(T x, T low, T high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}
template <typename T>
inline T exp_of(T x) {
  const auto [q, n] = reduce_exp(limited<T>(x, sizeof(T) == 4 ? T(-104) : T(-746), sizeof(T) == 4 ? T(89) : T(710)));
  // In two steps, so that subnormal results are rounded once.
  const BitsOf<T> half = n >> 1;
  return (q + T(1)) * power_of_two(half) * power_of_two(n - half);
}
// The same in one step, where a result below 1e-37 may be as large as that.
inline float exp_above(float x) {
  const auto [q, n] = reduce_exp(limited(x, -86.0f, 89.0f));
  return (q + 1.0f) * power_of_two(n - 1) * 2.0f;
}
inline double exp_above(double x) { return exp_of(x); }
template <typename T>
inline T expm1_of(T x) {
  const T bounded = limited<T>(x, T(-40), sizeof(T) == 4 ? T(89) : T(710));
  Reduced<T> parts;
  if constexpr (sizeof(T) == 4)
    parts = reduce_exp(bounded);
  else
    parts = reduce_exp(bounded, true);
  const auto [q, n] = parts;
  // 2^n·q + (2^n - 1), with half of each so that 2^n does not overflow.
  const T s = power_of_two(n - 1);
  const T result = T(2) * mul_add(s, q, s - T(0.5));
  return std::fabs(x) < (sizeof(T) == 4 ? T(1e-8) : T(1e-17)) ? x : result;
}

inline float log_of(float x) {
  const bool tiny = x < 1.17549435e-38f;
  const float scaled = tiny ? x * 8388608.0f : x;
  const int32_t offset = static_cast<int32_t>(std::bit_cast<uint32_t>(scaled) - 0x3f3504f3u);  // the bits of √½
  const int32_t e = (offset >> 23) - (tiny ? 23 : 0);
  const float z = std::bit_cast<float>((offset & 0x007fffff) + 0x3f3504f3) - 1.0f;
  const float k = static_cast<float>(e), s = z * z;
  float p = 7.0376836292e-2f;
  p = mul_add(p, z, -1.1514610310e-1f);
  p = mul_add(p, z, 1.1676998740e-1f);
  p = mul_add(p, z, -1.2420140846e-1f);
  p = mul_add(p, z, 1.4249322787e-1f);
  p = mul_add(p, z, -1.6668057665e-1f);
  p = mul_add(p, z, 2.0000714765e-1f);
  p = mul_add(p, z, -2.4999993993e-1f);
  p = mul_add(p, z, 3.3333331174e-1f);
  p = mul_add(p * z, s, mul_add(k, -2.12194440e-4f, -0.5f * s));
  float result = mul_add(k, 0.693359375f, z + p);
  result = x < kInf<float> ? result : x;  // infinity and NaN
  result = x == 0.0f ? -kInf<float> : result;
  return x < 0.0f ? kNan<float> : result;
}
inline double log_of(double x) {
  const bool tiny = x < 2.2250738585072014e-308;
  const double scaled = tiny ? x * 18014398509481984.0 : x;  // 2^54
  const int64_t offset = static_cast<int64_t>(std::bit_cast<uint64_t>(scaled) - 0x3fe6a09e667f3bcdu);
  const int64_t e = (offset >> 52) - (tiny ? 54 : 0);
  const double f = std::bit_cast<double>((offset & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd) - 1.0;
  // To double by way of the magic number: only AVX-512 converts 64-bit integers.
  constexpr double magic = 6755399441055744.0;
  const double k = std::bit_cast<double>(e + std::bit_cast<int64_t>(magic)) - magic;
  const double s = f / (2.0 + f), z = s * s, w = z * z;
  const double t1 = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  const double t2 =
      z * (6.666666666666735130e-01 +
           w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  const double half = 0.5 * f * f;
  double result =
      k * 6.93147180369123816490e-01 - ((half - (s * (half + t1 + t2) + k * 1.90821492927058770002e-10)) - f);
  result = x < kInf<double> ? result : x;
  result = x == 0.0 ? -kInf<double> : result;
  return x < 0.0 ? kNan<double> : result;
}
// log(1 + x) = log(u) + (x - (u - 1))/u for u = 1 + x as rounded.
template <typename T>
inline T log1p_of(T x) {
  const T u = T(1) + x;
  const T lost = x > T(1) ? T(1) - (u - x) : x - (u - T(1));
  const T result = log_of(u) + lost / u;
  return (x < kInf<T>)&(u > T(0)) ? result : log_of(u);
}

// x = n·π/2 + r, sin and cos of r, for |x| below kTrigLimit.
inline constexpr double kTrigLimit = 1e6;
struct Turn {
  double sin, cos;
  int64_t quadrant;
};
inline Turn turn(double x) {
  constexpr double magic = 6755399441055744.0;
  const double t = x * 0.63661977236758134308 + magic;
  const double k = t - magic;
  const double r =
      ((x - k * 1.57079632673412561417e+00) - k * 6.07710050630396597660e-11) - k * 2.02226624879595063154e-21;
  const double z = r * r;
  double s = 1.58962301576546568060e-10;
  s = s * z - 2.50507477628578072866e-8;
  s = s * z + 2.75573136213857245213e-6;
  s = s * z - 1.98412698295895385996e-4;
  s = s * z + 8.33333333332211858878e-3;
  s = s * z - 1.66666666666666307295e-1;
  double c = -1.13585365213876817300e-11;
  c = c * z + 2.08757008419747316778e-9;
  c = c * z - 2.75573141792967388112e-7;
  c = c * z + 2.48015872888517045348e-5;
  c = c * z - 1.38888888888730564116e-3;
  c = c * z + 4.16666666666665929218e-2;
  // A product, which keeps the sign of 0.
  return {r * (1.0 + z * s), 1.0 - 0.5 * z + z * z * c, std::bit_cast<int64_t>(t)};
}
// sin with the quadrant moved on by `shift`: 0 for sin, 1 for cos.
inline double sin_of(double x, int64_t shift) {
  const Turn v = turn(x);
  const int64_t quadrant = v.quadrant + shift;
  const double value = (quadrant & 1) ? v.cos : v.sin;
  return std::bit_cast<double>(std::bit_cast<int64_t>(value) ^ ((quadrant & 2) << 62));
}
inline double tan_of(double x) {
  const Turn v = turn(x);
  const bool swap = v.quadrant & 1;
  return (swap ? -v.cos : v.sin) / (swap ? v.sin : v.cos);
}

// Applies `Fast` to a block; where an element lies outside of its range, `Slow` to those elements.
template <typename Op, typename T>
inline void run_ranged(const Op& op, T* dst, const T* a, int64_t n) {
  int outside = 0;
  for (int64_t i = 0; i < n; ++i) outside |= !(std::fabs(a[i]) < T(kTrigLimit));
  if (!outside) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) dst[i] = op.fast(a[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) dst[i] = std::fabs(a[i]) < T(kTrigLimit) ? op.fast(a[i]) : op.slow(a[i]);
  }
}

struct exp_op {
  template <typename T>
  T operator()(T a) const {
    return exp_of(a);
  }
};
struct expm1_op {
  template <typename T>
  T operator()(T a) const {
    return expm1_of(a);
  }
};
struct exp2_op {
  float operator()(float a) const {
    return static_cast<float>(exp_of(limited<double>(a, -200, 200) * 0.69314718055994530942));
  }
  double operator()(double a) const { return std::exp2(a); }
};
struct log_op {
  template <typename T>
  T operator()(T a) const {
    return log_of(a);
  }
};
struct log1p_op {
  template <typename T>
  T operator()(T a) const {
    return log1p_of(a);
  }
};
struct log2_op {
  float operator()(float a) const {
    return static_cast<float>(log_of(static_cast<double>(a)) * 1.44269504088896340736);
  }
  double operator()(double a) const { return std::log2(a); }
};
struct log10_op {
  float operator()(float a) const {
    return static_cast<float>(log_of(static_cast<double>(a)) * 0.43429448190325182765);
  }
  double operator()(double a) const { return std::log10(a); }
};

struct tan_op {
  float fast(float a) const { return static_cast<float>(tan_of(a)); }
  double fast(double a) const { return std::tan(a); }
  template <typename T>
  T slow(T a) const {
    return std::tan(a);
  }
  template <typename T>
  void run(T* dst, const T* a, int64_t n) const {
    run_ranged(*this, dst, a, n);
  }
};
struct sinc_op {
  static constexpr double kPi = 3.14159265358979323846;
  float fast(float a) const {
    const double x = a * kPi;
    return a == 0 ? 1.0f : static_cast<float>(sin_of(x, 0) / x);
  }
  double fast(double a) const { return slow(a); }
  template <typename T>
  T slow(T a) const {
    const T x = a * T(kPi);
    return a == 0 ? T(1) : std::sin(x) / x;
  }
  template <typename T>
  void run(T* dst, const T* a, int64_t n) const {
    run_ranged(*this, dst, a, n);
  }
};

// asin of |a| ≤ ½ by a polynomial, of the rest through half the angle.
inline double asin_part(double magnitude, double* root) {
  const bool low = magnitude < 0.5;
  const double s = low ? magnitude * magnitude : (1.0 - magnitude) * 0.5;
  const double x = low ? magnitude : std::sqrt(s);
  double u = 0.4197454825e-1;
  u = u * s + 0.2424046025e-1;
  u = u * s + 0.4547423869e-1;
  u = u * s + 0.7495029271e-1;
  u = u * s + 0.1666677296e+0;
  *root = x;
  return u * s * x + x;
}
struct asin_op {
  float operator()(float a) const {
    double x;
    const double magnitude = std::fabs(a), part = asin_part(magnitude, &x);
    return with_sign(static_cast<float>(magnitude < 0.5 ? part : 1.57079632679489661923 - 2.0 * part), a);
  }
  double operator()(double a) const { return std::asin(a); }
};
struct acos_op {
  float operator()(float a) const {
    double x;
    const double magnitude = std::fabs(a), part = asin_part(magnitude, &x);
    const double low = 1.57079632679489661923 - (a < 0 ? -part : part);
    const double high = a < 0 ? 3.14159265358979323846 - 2.0 * part : 2.0 * part;
    return static_cast<float>(magnitude < 0.5 ? low : high);
  }
  double operator()(double a) const { return std::acos(a); }
};
struct atan_op {
  float operator()(float a) const {
    const double magnitude = std::fabs(a);
    const bool large = magnitude > 1.0;
    const double x = large ? 1.0 / magnitude : magnitude, s = x * x;
    double u = 0.00282363896258175373077393;
    u = u * s - 0.0159569028764963150024414;
    u = u * s + 0.0425049886107444763183594;
    u = u * s - 0.0748900920152664184570312;
    u = u * s + 0.106347933411598205566406;
    u = u * s - 0.142027363181114196777344;
    u = u * s + 0.199926957488059997558594;
    u = u * s - 0.333331018686294555664062;
    const double part = x + x * (s * u);
    return with_sign(static_cast<float>(large ? 1.57079632679489661923 - part : part), a);
  }
  double operator()(double a) const { return std::atan(a); }
};
struct sinh_op {
  float operator()(float a) const {
    const double e = expm1_of(static_cast<double>(std::fabs(a)));
    const double value = e < 1e300 ? 0.5 * (e + e / (e + 1.0)) : e;
    return with_sign(static_cast<float>(value), a);
  }
  double operator()(double a) const { return std::sinh(a); }
};
struct cosh_op {
  float operator()(float a) const {
    const double e = exp_of(static_cast<double>(std::fabs(a)));
    return static_cast<float>(0.5 * (e + 1.0 / e));
  }
  double operator()(double a) const { return std::cosh(a); }
};
struct tanh_op {
  template <typename T>
  T operator()(T a) const {
    // 1 beyond the limit, to the last digit.
    const T x = limited<T>(std::fabs(a), T(0), sizeof(T) == 4 ? T(10) : T(20));
    const T e = expm1_of(x + x);
    return with_sign(e / (e + T(2)), a);
  }
};
struct asinh_op {
  float operator()(float a) const {
    const double x = std::fabs(a), s = x * x;
    const double value = log1p_of(x + s / (1.0 + std::sqrt(1.0 + s)));
    return with_sign(static_cast<float>(x < kInf<double> ? value : x), a);
  }
  double operator()(double a) const { return std::asinh(a); }
};
struct acosh_op {
  float operator()(float a) const {
    const double t = static_cast<double>(a) - 1.0;
    const double value = log1p_of(t + std::sqrt(2.0 * t + t * t));
    return a < 1.0f ? kNan<float> : static_cast<float>(value);
  }
  double operator()(double a) const { return std::acosh(a); }
};
struct atanh_op {
  float operator()(float a) const {
    const double x = std::fabs(a);
    return with_sign(static_cast<float>(0.5 * log1p_of(2.0 * x / (1.0 - x))), a);
  }
  double operator()(double a) const { return std::atanh(a); }
};
// Zero where the exponential is too large for T, as in PyTorch.
struct sigmoid_op {
  template <typename T>
  T operator()(T a) const {
    return T(1) / (T(1) + exp_above(-a));
  }
};

struct erf_op {
  float operator()(float a) const {
    const float t = std::fabs(a), s = a * a;
    float r = -1.72853470e-5f * t + 3.83197126e-4f;
    const float u = -3.88396438e-3f * t + 2.42546219e-2f;
    r = r * s + u;
    r = r * t - 1.06777877e-1f;
    r = r * t - 6.34846687e-1f;
    r = r * t - 1.28717512e-1f;
    r = r * t - t;
    const float outer = with_sign(1.0f - exp_above(r), a);
    float p = -5.96761703e-4f;
    p = p * s + 4.99119423e-3f;
    p = p * s - 2.67681349e-2f;
    p = p * s + 1.12819925e-1f;
    p = p * s - 3.76125336e-1f;
    p = p * s + 1.28379166e-1f;
    const float inner = p * a + a;
    // The outer polynomial turns upward far out, where erf is 1.
    const float value = t > 4.0f ? with_sign(1.0f, a) : t > 0.927734375f ? outer : inner;
    return a != a ? a : value;
  }
  double operator()(double a) const { return std::erf(a); }
};
// erf(x) = x·p(x²)/q(x²), to 4e-7: a third of the work of `erf_op`, and enough where 1 is added. Fitted over |x|
// ≤ 3.93, beyond which it is 1 (tools/fit_erf.py).
inline float rough_erf(float a) {
  const float x = limited(a, -3.93f, 3.93f), s = x * x;
  float p = 1.98149502e-8f;
  p = p * s - 1.95533802e-6f;
  p = p * s + 1.42489829e-4f;
  p = p * s + 3.73666412e-3f;
  p = p * s + 5.06888587e-2f;
  p = p * s + 2.00803752e-1f;
  p = p * s + 1.12837911f;
  float q = 9.63873907e-4f;
  q = q * s + 1.44266847e-2f;
  q = q * s + 1.15360746e-1f;
  q = q * s + 5.11289300e-1f;
  q = q * s + 1.0f;
  return limited(x * p / q, -1.0f, 1.0f);
}
struct gelu_op {
  float operator()(float a) const { return a * 0.5f * (1.0f + rough_erf(a * 0.70710678118654752440f)); }
  double operator()(double a) const { return a * 0.5 * (1.0 + std::erf(a * 0.70710678118654752440)); }
};
// Φ(x) + x·φ(x)
struct gelu_slope_op {
  float operator()(float a) const {
    const float density = 0.39894228040143267794f * exp_of(-0.5f * a * a);
    return 0.5f * (1.0f + rough_erf(a * 0.70710678118654752440f)) + a * density;
  }
  double operator()(double a) const {
    const double density = 0.39894228040143267794 * std::exp(-0.5 * a * a);
    return 0.5 * (1.0 + std::erf(a * 0.70710678118654752440)) + a * density;
  }
};
struct silu_op {
  template <typename T>
  T operator()(T a) const {
    return a / (T(1) + exp_above(-a));
  }
};
// s(1 + x(1 - s)) with s = sigmoid x
struct silu_slope_op {
  template <typename T>
  T operator()(T a) const {
    const T s = T(1) / (T(1) + exp_above(-a));
    return s * (T(1) + a * (T(1) - s));
  }
};
struct erfc_op {
  float operator()(float a) const {
    const double x = std::fabs(a), t = 1.0 / (1.0 + 0.5 * x);
    double p = 0.17087277;
    p = p * t - 0.82215223;
    p = p * t + 1.48851587;
    p = p * t - 1.13520398;
    p = p * t + 0.27886807;
    p = p * t - 0.18628806;
    p = p * t + 0.09678418;
    p = p * t + 0.37409196;
    p = p * t + 1.00002368;
    p = p * t - 1.26551223;
    const double tail = t * exp_of(p - x * x);
    return static_cast<float>(a < 0 ? 2.0 - tail : tail);
  }
  double operator()(double a) const { return std::erfc(a); }
};

struct hypot_op {
  float operator()(float a, float b) const {
    const double x = a, y = b;
    const float result = static_cast<float>(std::sqrt(x * x + y * y));
    return (std::fabs(a) == kInf<float>) | (std::fabs(b) == kInf<float>) ? kInf<float> : result;
  }
  double operator()(double a, double b) const { return std::hypot(a, b); }
};
struct atan2_op {
  template <typename T>
  T operator()(T a, T b) const {
    return std::atan2(a, b);
  }
};
// 0 where a is 0, whatever log gives; NaN passes.
struct xlogy_op {
  template <typename T>
  T operator()(T a, T b) const {
    return b != b ? b : a == 0 ? T(0) : a * log_of(b);
  }
};
struct xlog1py_op {
  template <typename T>
  T operator()(T a, T b) const {
    return b != b ? b : a == 0 ? T(0) : a * log1p_of(b);
  }
};
struct logaddexp_op {
  template <typename T>
  T operator()(T a, T b) const {
    const T m = a > b ? a : b;
    return (std::fabs(a) == kInf<T>)&(a == b) ? a : m + log1p_of(exp_of(-std::fabs(a - b)));
  }
};
struct logaddexp2_op {
  template <typename T>
  T operator()(T a, T b) const {
    const T m = a > b ? a : b;
    const T sum = log1p_of(exp_of(-std::fabs(a - b) * T(0.69314718055994530942)));
    return (std::fabs(a) == kInf<T>)&(a == b) ? a : m + sum * T(1.44269504088896340736);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();
