// Each function is computed in double: float32 results are rounded from it.
#include "special.h"

#include <cmath>
#include <cstdint>
#include <limits>

namespace flambeau::cpu::special {
namespace {

inline constexpr double kPi = 3.14159265358979323846;
inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline constexpr double kEpsilon = std::numeric_limits<double>::epsilon() / 2;
inline constexpr double kRootHalf = 0.70710678118654752440;
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

// Rational approximations of the central range and the tail (Giles and Acklam style), then two Newton steps.
FLAMBEAU_BOTH double erfinv(double y) {
  constexpr double a[] = {0.886226899, -1.645349621, 0.914624893, -0.140543331};
  constexpr double b[] = {-2.118377725, 1.442710462, -0.329097515, 0.012229801};
  constexpr double c[] = {-1.970840454, -1.624906493, 3.429567803, 1.641345311};
  constexpr double d[] = {3.543889200, 1.637067800};
  const double magnitude = std::fabs(y);
  if (!(magnitude <= 1)) return kNan;
  if (magnitude == 1) return std::copysign(kInf, y);
  double x;
  if (magnitude <= 0.7) {
    const double z = y * y;
    x = y * (((a[3] * z + a[2]) * z + a[1]) * z + a[0]) / ((((b[3] * z + b[2]) * z + b[1]) * z + b[0]) * z + 1);
  } else {
    const double z = std::sqrt(-std::log((1 - magnitude) / 2));
    x = std::copysign((((c[3] * z + c[2]) * z + c[1]) * z + c[0]) / ((d[1] * z + d[0]) * z + 1), y);
  }
  for (int step = 0; step < 2; ++step) x -= (std::erf(x) - y) / (2 / std::sqrt(kPi) * std::exp(-x * x));
  return x;
}

// The reentrant form: std::lgamma writes the global signgam.
FLAMBEAU_BOTH double lgamma(double x) {
#if (defined(__GLIBC__) || defined(__APPLE__)) && !defined(__CUDA_ARCH__)
  int sign;
  return ::lgamma_r(x, &sign);
#else
  return std::lgamma(x);
#endif
}

// Reflection for negative x, recurrence up to 10, then the asymptotic series.
FLAMBEAU_BOTH double digamma(double x) {
  if (x == 0) return std::copysign(kInf, -x);
  double result = 0;
  if (x < 0) {
    if (x == std::trunc(x)) return kNan;
    double whole;
    const double fraction = std::modf(x, &whole);
    return digamma(1 - x) - kPi / std::tan(kPi * fraction);
  }
  for (; x < 10; x += 1) result -= 1 / x;
  if (x == 10) return result + 2.25175258906672110764;
  double series = 0;
  if (x < 1e17) {
    constexpr double a[] = {8.33333333333333333333e-2,  -2.10927960927960927961e-2, 7.57575757575757575758e-3,
                            -4.16666666666666666667e-3, 3.96825396825396825397e-3,  -8.33333333333333333333e-3,
                            8.33333333333333333333e-2};
    const double z = 1 / (x * x);
    for (const double k : a) series = series * z + k;
    series *= z;
  }
  return result + std::log(x) - 0.5 / x - series;
}

// Euler-Maclaurin summation, as in Cephes.
FLAMBEAU_BOTH double zeta(double x, double q) {
  constexpr double a[] = {12.0,
                          -720.0,
                          30240.0,
                          -1209600.0,
                          47900160.0,
                          -1.8924375803183791606e9,
                          7.47242496e10,
                          -2.950130727918164224e12,
                          1.1646782814350067249e14,
                          -4.5979787224074726105e15,
                          1.8152105401943546773e17,
                          -7.1661652561756670113e18};
  if (x == 1) return kInf;
  if (x < 1) return kNan;
  if (q <= 0) {
    if (q == std::floor(q)) return kInf;  // also where x is NaN, as in PyTorch
    if (x != std::floor(x)) return kNan;
    if (q < -20) {
      // Both sides of the poles: (q + k)^-x for q + k > 0, and those below 0 counted from the other end.
      const double above = q - std::floor(q), below = zeta(x, 1 - above) - zeta(x, 1 - q);
      return zeta(x, above) + (std::fmod(x, 2) == 0 ? below : -below);
    }
  }
  double sum = std::pow(q, -x), at = q, term = 0;
  for (int i = 0; i < 9 || at <= 9; ++i) {
    at += 1;
    term = std::pow(at, -x);
    sum += term;
    if (std::fabs(term) < std::fabs(sum) * kEpsilon) return sum;
  }
  sum += term * at / (x - 1) - 0.5 * term;
  double factor = 1, k = 0;
  for (const double c : a) {
    factor *= x + k;
    term /= at;
    const double t = factor * term / c;
    sum += t;
    if (std::fabs(t) < std::fabs(sum) * kEpsilon) return sum;
    factor *= x + k + 1;
    term /= at;
    k += 2;
  }
  return sum;
}

FLAMBEAU_BOTH double polygamma(double n, double x) {
  if (n == 0) return digamma(x);
  if (n == 1 && x == kInf) return 0;
  if (n == 1 && x < 0.5) {  // reflection
    const double s = std::sin(kPi * x);
    return kPi * kPi / (s * s) - zeta(2, 1 - x);
  }
  const double sign = std::fmod(n, 2) == 0 ? -1 : 1;
  return sign * std::exp(lgamma(n + 1)) * zeta(n + 1, x);
}

namespace {

// x^a·e^-x / Γ(a), without overflow on the way.
FLAMBEAU_BOTH double gamma_weight(double a, double x) {
  if (a < 100) return std::exp(a * std::log(x) - x - lgamma(a));
  // Large a: through log1p of the relative distance, which loses no digits, and Stirling's series for Γ.
  const double d = (x - a) / a;
  const double stirling = 1 / (12 * a) - 1 / (360 * a * a * a);
  return std::sqrt(a / (2 * kPi)) * std::exp(a * (std::log1p(d) - d) - stirling);
}
FLAMBEAU_BOTH double lower_series(double a, double x) {
  double sum = 1 / a, term = sum;
  for (int k = 1; k < 20000; ++k) {
    term *= x / (a + k);
    sum += term;
    if (term < sum * kEpsilon) break;
  }
  return sum * gamma_weight(a, x);
}
// Lentz's continued fraction.
FLAMBEAU_BOTH double upper_fraction(double a, double x) {
  constexpr double tiny = 1e-300;
  double b = x + 1 - a, c = 1 / tiny, d = 1 / b, h = d;
  for (int k = 1; k < 20000; ++k) {
    const double an = -k * (k - a);
    b += 2;
    d = an * d + b;
    d = 1 / (std::fabs(d) < tiny ? tiny : d);
    c = b + an / c;
    c = std::fabs(c) < tiny ? tiny : c;
    h *= d * c;
    if (std::fabs(d * c - 1) < kEpsilon) break;
  }
  return h * gamma_weight(a, x);
}

// P and Q of an a so large that neither series ends: Temme's uniform expansion, whose first term is enough there.
constexpr double kUniform = 1e7;
FLAMBEAU_BOTH double uniform_gamma(double a, double x, bool upper) {
  const double d = (x - a) / a;
  double half = 0;  // η²/2 = d - log(1 + d)
  if (std::fabs(d) < 0.01) {
    for (int k = 10; k >= 2; --k) half = (k % 2 == 0 ? 1.0 : -1.0) / k + d * half;
    half *= d * d;
  } else {
    half = d - std::log1p(d);
  }
  const double eta = std::copysign(std::sqrt(2 * half), d);
  const double series = -1.0 / 3 + eta * (1.0 / 12 - eta * (2.0 / 135 - eta / 864));
  const double first = std::fabs(eta) < 0.01 ? series : 1 / d - 1 / eta;
  const double rest = std::exp(-a * half) / std::sqrt(2 * kPi * a) * first;
  const double tail = 0.5 * std::erfc((upper ? eta : -eta) * std::sqrt(a / 2));
  return upper ? tail + rest : tail - rest;
}

}  // namespace

FLAMBEAU_BOTH double igamma(double a, double x) {
  if (std::isnan(a) || std::isnan(x) || a < 0 || x < 0) return kNan;
  if (a == 0) return x > 0 ? 1 : kNan;
  if (x == 0) return 0;
  if (std::isinf(a)) return std::isinf(x) ? kNan : 0;
  if (std::isinf(x)) return 1;
  if (a > kUniform) return uniform_gamma(a, x, false);
  return x > 1 && x > a ? 1 - upper_fraction(a, x) : lower_series(a, x);
}
FLAMBEAU_BOTH double igammac(double a, double x) {
  if (std::isnan(a) || std::isnan(x) || a < 0 || x < 0) return kNan;
  if (a == 0) return x > 0 ? 0 : kNan;
  if (x == 0) return 1;
  if (std::isinf(a)) return std::isinf(x) ? kNan : 1;
  if (std::isinf(x)) return 0;
  if (a > kUniform) return uniform_gamma(a, x, true);
  return x > 1 && x > a ? upper_fraction(a, x) : 1 - lower_series(a, x);
}

FLAMBEAU_BOTH double erfcx(double x) {
  if (x < 0) return x < -26.7 ? kInf : 2 * std::exp(x * x) - erfcx(-x);
  if (x < 25) return std::exp(x * x) * std::erfc(x);
  const double z = 1 / (2 * x * x);
  return (1 - z * (1 - 3 * z * (1 - 5 * z * (1 - 7 * z)))) / (x * std::sqrt(kPi));
}

// Acklam's approximation, then one step of Halley's method.
FLAMBEAU_BOTH double ndtri(double p) {
  constexpr double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                          1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  constexpr double b[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01,
                          -1.328068155288572e+01};
  constexpr double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                          -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  constexpr double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00};
  if (!(p >= 0 && p <= 1)) return kNan;
  if (p == 0) return -kInf;
  if (p == 1) return kInf;
  if (p > 0.5) return -ndtri(1 - p);
  double x;
  if (p < 0.02425) {
    const double q = std::sqrt(-2 * std::log(p));
    x = (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
        ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
  } else {
    const double q = p - 0.5, r = q * q;
    x = (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
        (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
  }
  const double u = (0.5 * std::erfc(-x * kRootHalf) - p) * std::sqrt(2 * kPi) * std::exp(x * x / 2);
  return x - u / (1 + x * u / 2);
}

FLAMBEAU_BOTH double log_ndtr(double x) {
  const double t = x * kRootHalf;
  return x < -1 ? std::log(erfcx(-t) / 2) - t * t : std::log1p(-std::erfc(t) / 2);
}

namespace {

// I_order(x)·e^-x for x ≥ 0: the power series, whose terms are all positive, or the asymptotic one.
FLAMBEAU_BOTH double scaled_i(int order, double x) {
  if (x < 30) {
    const double z = x * x / 4;
    double term = order == 0 ? 1 : x / 2, sum = term;
    for (int k = 1; k < 200; ++k) {
      term *= z / (k * static_cast<double>(k + order));
      sum += term;
      if (term < sum * kEpsilon) break;
    }
    return sum * std::exp(-x);
  }
  if (std::isinf(x)) return 0;
  const double mu = 4.0 * order * order;
  double term = 1, sum = 1;
  for (int k = 1; k < 40; ++k) {
    const double odd = 2 * k - 1;
    term *= -(mu - odd * odd) / (k * 8 * x);
    sum += term;
    if (std::fabs(term) < kEpsilon) break;
  }
  return sum / std::sqrt(2 * kPi * x);
}

// K_order(x)·e^x = ∫ exp(-x(cosh t - 1))·cosh(order·t) dt over t ≥ 0: the trapezoidal rule converges exponentially.
FLAMBEAU_BOTH double scaled_k(double order, double x) {
  const double h = std::fmin(0.125, 0.5 / std::sqrt(x));  // a few steps to the width of the peak
  double sum = 0.5;
  for (int i = 1; i < 8000; ++i) {
    const double t = i * h, half = std::sinh(t / 2);
    const double exponent = 2 * x * half * half;
    if (exponent > 745) break;
    const double term = std::exp(order * t - exponent) * 0.5 * (1 + std::exp(-2 * order * t));
    sum += term;
    if (exponent > 1 && term < sum * 1e-18) break;
  }
  return sum * h;
}

}  // namespace

FLAMBEAU_BOTH double i0e(double x) { return scaled_i(0, std::fabs(x)); }
FLAMBEAU_BOTH double i0(double x) { return scaled_i(0, std::fabs(x)) * std::exp(std::fabs(x)); }
FLAMBEAU_BOTH double i1e(double x) { return std::copysign(1.0, x) * scaled_i(1, std::fabs(x)); }
FLAMBEAU_BOTH double i1(double x) { return std::copysign(1.0, x) * scaled_i(1, std::fabs(x)) * std::exp(std::fabs(x)); }

// NaN at infinity, as in PyTorch, where the limit is 0.
FLAMBEAU_BOTH double bessel_j0(double x) { return std::isinf(x) ? kNan : ::j0(x); }
FLAMBEAU_BOTH double bessel_j1(double x) { return std::isinf(x) ? kNan : ::j1(x); }
FLAMBEAU_BOTH double bessel_y0(double x) { return x == 0 ? -kInf : x < 0 || std::isinf(x) ? kNan : ::y0(x); }
FLAMBEAU_BOTH double bessel_y1(double x) { return x == 0 ? -kInf : x < 0 || std::isinf(x) ? kNan : ::y1(x); }

FLAMBEAU_BOTH double scaled_modified_bessel_k0(double x) {
  return x == 0 ? kInf : !(x > 0) ? kNan : std::isinf(x) ? 0 : scaled_k(0, x);
}
FLAMBEAU_BOTH double scaled_modified_bessel_k1(double x) {
  return x == 0 ? kInf : !(x > 0) ? kNan : std::isinf(x) ? 0 : scaled_k(1, x);
}
FLAMBEAU_BOTH double modified_bessel_k0(double x) { return x > 745 ? 0 : scaled_modified_bessel_k0(x) * std::exp(-x); }
FLAMBEAU_BOTH double modified_bessel_k1(double x) { return x > 745 ? 0 : scaled_modified_bessel_k1(x) * std::exp(-x); }

FLAMBEAU_BOTH double spherical_bessel_j0(double x) {
  return std::isinf(x) ? 0 : std::fabs(x) < 1e-4 ? 1 - x * x / 6 : std::sin(x) / x;
}

// Series near 0; K of order ⅓ to the right; the asymptotic expansion of the oscillation to the left.
FLAMBEAU_BOTH double airy_ai(double x) {
  if (std::isinf(x) || std::isnan(x)) return kNan;
  if (x > 103.892) return 0;
  if (x > 2) {
    const double zeta = 2 * x * std::sqrt(x) / 3;
    return std::sqrt(x / 3) / kPi * scaled_k(1.0 / 3, zeta) * std::exp(-zeta);
  }
  if (x < -8) {
    const double z = -x, zeta = 2 * z * std::sqrt(z) / 3;
    double even = 0, odd = 0, c = 1;
    for (int k = 0; k < 30; ++k) {
      const double term = (k & 2 ? -1 : 1) * c;
      if (k & 1)
        odd += term;
      else
        even += term;
      const double next = c * (6.0 * k + 5) * (6.0 * k + 3) * (6.0 * k + 1) / (216.0 * (k + 1) * (2.0 * k + 1)) / zeta;
      if (next > c || next < kEpsilon) break;
      c = next;
    }
    const double angle = zeta + kPi / 4;
    return (std::sin(angle) * even - std::cos(angle) * odd) / (std::sqrt(kPi) * std::pow(z, 0.25));
  }
  // Ai = c1·f - c2·g
  long double cube = static_cast<long double>(x) * x * x, f = 1, g = x, term_f = 1, term_g = x;
  for (int k = 1; k < 120; ++k) {
    term_f *= cube / ((3 * k - 1) * (3.0L * k));
    term_g *= cube / ((3.0L * k) * (3 * k + 1));
    f += term_f;
    g += term_g;
    if (std::fabs(term_f) < 1e-22L && std::fabs(term_g) < 1e-22L) break;
  }
  return static_cast<double>(0.355028053887817239260063186L * f - 0.258819403792806798405183560L * g);
}

namespace {

// p_0 = 1, p_1 = first; next(k, p_k, p_k-1) is p_k+1. Past the largest number it ends as NaN, as PyTorch's does.
template <typename Next>
FLAMBEAU_BOTH double recur(double first, int64_t n, const Next& next) {
  if (n == 0) return 1;
  double before = 1, now = first;
  for (int64_t k = 1; k < n && !std::isnan(now); ++k) {
    const double after = next(static_cast<double>(k), now, before);
    before = now;
    now = after;
  }
  return now;
}
// Recurrences are not followed past a million steps. What is no number counts as negative, as in PyTorch.
int64_t degree(double n) { return n > -1 && std::isfinite(n) ? static_cast<int64_t>(std::fmin(n, 1e6)) : -1; }
bool is_even(int64_t n) { return (n & 1) == 0; }

}  // namespace

FLAMBEAU_BOTH double chebyshev_t(double x, double order) {
  const int64_t n = degree(order);
  if (n < 0) return 0;
  if (std::fabs(x) == 1) return x > 0 || is_even(n) ? 1 : -1;
  if (n > 6 && std::fabs(x) < 1) return std::cos(n * std::acos(x));
  return recur(x, n, [x](double, double p, double q) { return 2 * x * p - q; });
}
FLAMBEAU_BOTH double chebyshev_u(double x, double order) {
  const int64_t n = degree(order);
  if (n < 0) return 0;
  if (std::fabs(x) == 1) return x > 0 || is_even(n) ? n + 1 : -(n + 1);
  if (n > 8 && std::fabs(x) < 1) return std::sin((n + 1) * std::acos(x)) / std::sin(std::acos(x));
  return recur(2 * x, n, [x](double, double p, double q) { return 2 * x * p - q; });
}
FLAMBEAU_BOTH double chebyshev_v(double x, double order) {
  const int64_t n = degree(order);
  if (n < 0) return 0;
  if (std::fabs(x) == 1) return x > 0 ? 1 : is_even(n) ? 2 * n + 1 : -(2 * n + 1);
  if (n > 8 && std::fabs(x) < 1) return std::cos((n + 0.5) * std::acos(x)) / std::cos(std::acos(x) / 2);
  return recur(2 * x - 1, n, [x](double, double p, double q) { return 2 * x * p - q; });
}
FLAMBEAU_BOTH double chebyshev_w(double x, double order) {
  const int64_t n = degree(order);
  if (n < 0) return 0;
  if (std::fabs(x) == 1) return x > 0 ? 2 * n + 1 : is_even(n) ? 1 : -1;
  if (n > 8 && std::fabs(x) < 1) return std::sin((n + 0.5) * std::acos(x)) / std::sin(std::acos(x) / 2);
  return recur(2 * x + 1, n, [x](double, double p, double q) { return 2 * x * p - q; });
}
FLAMBEAU_BOTH double hermite_h(double x, double order) {
  const int64_t n = degree(order);
  if (n < 0) return 0;
  if (n >= 128) return kNan;
  return recur(2 * x, n, [x](double k, double p, double q) { return 2 * x * p - 2 * k * q; });
}
FLAMBEAU_BOTH double hermite_he(double x, double order) {
  const int64_t n = degree(order);
  if (n < 0) return 0;
  if (n >= 128) return kNan;
  return recur(x, n, [x](double k, double p, double q) { return x * p - k * q; });
}
FLAMBEAU_BOTH double laguerre(double x, double order) {
  const int64_t n = degree(order);
  if (n < 0) return 0;
  if (x == 0) return 1;
  return recur(1 - x, n, [x](double k, double p, double q) { return ((2 * k + 1 - x) * p - k * q) / (k + 1); });
}
FLAMBEAU_BOTH double legendre(double x, double order) {
  const int64_t n = degree(order);
  if (n < 0) return 0;
  if (std::fabs(x) == 1) return x > 0 || is_even(n) ? 1 : -1;
  return recur(x, n, [x](double k, double p, double q) { return ((2 * k + 1) * x * p - k * q) / (k + 1); });
}

}  // namespace flambeau::cpu::special
