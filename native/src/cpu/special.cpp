#include "special.h"

#include <cmath>
#include <limits>

namespace flambeau::cpu::special {
namespace {

inline constexpr double kPi = 3.14159265358979323846;
inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

// Rational approximations of the central range and the tail (Giles and Acklam style), then two Newton steps.
double erfinv(double y) {
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
float erfinv(float y) { return static_cast<float>(erfinv(static_cast<double>(y))); }

// The reentrant form: std::lgamma writes the global signgam.
double lgamma(double x) {
#if defined(__GLIBC__) || defined(__APPLE__)
  int sign;
  return ::lgamma_r(x, &sign);
#else
  return std::lgamma(x);
#endif
}
float lgamma(float x) { return static_cast<float>(lgamma(static_cast<double>(x))); }

// Reflection for negative x, recurrence up to 10, then the asymptotic series.
double digamma(double x) {
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
float digamma(float x) { return static_cast<float>(digamma(static_cast<double>(x))); }

}  // namespace flambeau::cpu::special
