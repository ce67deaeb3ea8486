// Complex arithmetic and functions of the elementwise evaluator. Products and quotients are written out: the
// standard library's recover infinities from NaN, which costs a call and is not what PyTorch does.
#pragma once
#include <cmath>
#include <complex>
#include <limits>

namespace flambeau::cpu::complex_ops {

struct add_op {
  template <typename T>
  T operator()(T a, T b) const {
    return {a.real() + b.real(), a.imag() + b.imag()};
  }
};
struct sub_op {
  template <typename T>
  T operator()(T a, T b) const {
    return {a.real() - b.real(), a.imag() - b.imag()};
  }
};
struct mul_op {
  template <typename T>
  T operator()(T a, T b) const {
    return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
  }
};
struct mul_add_op {
  template <typename T>
  T operator()(T a, T b, T c) const {
    return mul_op()(a, b) + c;
  }
};
// Scaled by the divisor's larger part, so that squares do not overflow.
struct div_op {
  template <typename T>
  T operator()(T x, T y) const {
    using R = typename T::value_type;
    const R a = x.real(), b = x.imag(), c = y.real(), d = y.imag();
    if (std::fabs(c) >= std::fabs(d)) {
      if (c == 0 && d == 0) return {a / std::fabs(c), b / std::fabs(d)};
      const R ratio = d / c, scale = R(1) / (c + d * ratio);
      return {(a + b * ratio) * scale, (b - a * ratio) * scale};
    }
    const R ratio = c / d, scale = R(1) / (d + c * ratio);
    return {(a * ratio + b) * scale, (b * ratio - a) * scale};
  }
};
struct conj_op {
  template <typename T>
  T operator()(T a) const {
    return std::conj(a);
  }
};
struct real_op {
  template <typename T>
  T operator()(T a) const {
    return T(a.real());
  }
};
struct imag_op {
  template <typename T>
  T operator()(T a) const {
    return T(a.imag());
  }
};
struct mul_conj_op {
  template <typename T>
  T operator()(T a, T b) const {
    return mul_op()(a, std::conj(b));
  }
};
struct div_conj_op {
  template <typename T>
  T operator()(T a, T b) const {
    return div_op()(a, std::conj(b));
  }
};
struct neg_op {
  template <typename T>
  T operator()(T a) const {
    return -a;
  }
};
struct abs_op {
  template <typename T>
  T operator()(T a) const {
    return T(std::hypot(a.real(), a.imag()));
  }
};
struct sgn_op {
  template <typename T>
  T operator()(T a) const {
    const auto r = std::hypot(a.real(), a.imag());
    return r == 0 ? T(0) : T(a.real() / r, a.imag() / r);
  }
};
struct square_op {
  template <typename T>
  T operator()(T a) const {
    return mul_op()(a, a);
  }
};
struct reciprocal_op {
  template <typename T>
  T operator()(T a) const {
    return div_op()(T(1), a);
  }
};
struct sqrt_op {
  template <typename T>
  T operator()(T a) const {
    return std::sqrt(a);
  }
};
struct rsqrt_op {
  template <typename T>
  T operator()(T a) const {
    return div_op()(T(1), std::sqrt(a));
  }
};
struct angle_op {
  template <typename T>
  T operator()(T a) const {
    return T(std::arg(a));
  }
};
struct pow_op {
  template <typename T>
  T operator()(T a, T b) const {
    return std::pow(a, b);
  }
};
// log(exp a + exp b), shifted by the operand of the larger real part.
struct logaddexp_op {
  template <typename T>
  T operator()(T a, T b) const {
    if (std::isnan(a.real()) || std::isnan(a.imag())) return a;
    if (std::isnan(b.real()) || std::isnan(b.imag())) return b;
    if (a.real() < b.real()) std::swap(a, b);
    if (std::isinf(a.real()) && a.real() == b.real()) {
      if (a.real() < 0) return a;
      return std::log(std::exp(T(0, a.imag())) + std::exp(T(0, b.imag()))) + T(a.real());
    }
    return a + std::log(T(1) + std::exp(b - a));
  }
};
struct make_complex_op {
  template <typename T>
  T operator()(T a, T b) const {
    return {a.real(), b.real()};
  }
};
struct polar_op {
  template <typename T>
  T operator()(T a, T b) const {
    return {a.real() * std::cos(b.real()), a.real() * std::sin(b.real())};
  }
};

struct eq_op {
  template <typename T>
  T operator()(T a, T b) const {
    return T(a == b);
  }
};
struct ne_op {
  template <typename T>
  T operator()(T a, T b) const {
    return T(a != b);
  }
};
struct logical_and_op {
  template <typename T>
  T operator()(T a, T b) const {
    return T(a != T(0) && b != T(0));
  }
};
struct logical_or_op {
  template <typename T>
  T operator()(T a, T b) const {
    return T(a != T(0) || b != T(0));
  }
};
struct logical_xor_op {
  template <typename T>
  T operator()(T a, T b) const {
    return T((a != T(0)) != (b != T(0)));
  }
};
struct logical_not_op {
  template <typename T>
  T operator()(T a) const {
    return T(a == T(0));
  }
};
struct isnan_op {
  template <typename T>
  T operator()(T a) const {
    return T(std::isnan(a.real()) || std::isnan(a.imag()));
  }
};
struct isinf_op {
  template <typename T>
  T operator()(T a) const {
    return T(std::isinf(a.real()) || std::isinf(a.imag()));
  }
};
struct isfinite_op {
  template <typename T>
  T operator()(T a) const {
    return T(std::isfinite(a.real()) && std::isfinite(a.imag()));
  }
};
struct where_op {
  template <typename T>
  T operator()(T condition, T a, T b) const {
    return condition != T(0) ? a : b;
  }
};

struct exp_op {
  template <typename T>
  T operator()(T a) const {
    return std::exp(a);
  }
};
struct log_op {
  template <typename T>
  T operator()(T a) const {
    return std::log(a);
  }
};
struct log10_op {
  template <typename T>
  T operator()(T a) const {
    return std::log10(a);
  }
};
struct sin_op {
  template <typename T>
  T operator()(T a) const {
    return std::sin(a);
  }
};
struct cos_op {
  template <typename T>
  T operator()(T a) const {
    return std::cos(a);
  }
};
struct tan_op {
  template <typename T>
  T operator()(T a) const {
    return std::tan(a);
  }
};
struct asin_op {
  template <typename T>
  T operator()(T a) const {
    return std::asin(a);
  }
};
struct acos_op {
  template <typename T>
  T operator()(T a) const {
    return std::acos(a);
  }
};
struct atan_op {
  template <typename T>
  T operator()(T a) const {
    return std::atan(a);
  }
};
struct sinh_op {
  template <typename T>
  T operator()(T a) const {
    return std::sinh(a);
  }
};
struct cosh_op {
  template <typename T>
  T operator()(T a) const {
    return std::cosh(a);
  }
};
struct tanh_op {
  template <typename T>
  T operator()(T a) const {
    return std::tanh(a);
  }
};
struct asinh_op {
  template <typename T>
  T operator()(T a) const {
    return std::asinh(a);
  }
};
struct acosh_op {
  template <typename T>
  T operator()(T a) const {
    return std::acosh(a);
  }
};
struct atanh_op {
  template <typename T>
  T operator()(T a) const {
    return std::atanh(a);
  }
};
struct exp2_op {
  template <typename T>
  T operator()(T a) const {
    return std::exp(a * typename T::value_type(0.69314718055994530942));
  }
};
// exp(a) - 1 without cancellation: (expm1(x) cos y - 2 sin²(y/2)) + i exp(x) sin y.
struct expm1_op {
  template <typename T>
  T operator()(T a) const {
    using R = typename T::value_type;
    const R half = std::sin(a.imag() / R(2));
    const R re = std::expm1(a.real()) * std::cos(a.imag()) - R(2) * half * half;
    return {re, std::exp(a.real()) * std::sin(a.imag())};
  }
};
struct log2_op {
  template <typename T>
  T operator()(T a) const {
    return std::log(a) / typename T::value_type(0.69314718055994530942);
  }
};
// log(1 + a) by Kahan's correction, exact also where a is small.
struct log1p_op {
  template <typename T>
  T operator()(T z) const {
    using R = typename T::value_type;
    const R x = z.real(), y = z.imag(), theta = std::atan2(y, x + R(1)), r = std::abs(z);
    if (r < R(0.5)) return {R(0.5) * std::log1p(r * r + R(2) * x), theta};
    return {std::log(std::hypot(x + R(1), y)), theta};
  }
};
struct sigmoid_op {
  template <typename T>
  T operator()(T a) const {
    return div_op()(T(1), T(1) + std::exp(-a));
  }
};
struct silu_op {
  template <typename T>
  T operator()(T a) const {
    return div_op()(a, T(1) + std::exp(-a));
  }
};
struct silu_slope_op {
  template <typename T>
  T operator()(T a) const {
    const T s = sigmoid_op()(a);
    return s * (T(1) + a * (T(1) - s));
  }
};
struct sinc_op {
  template <typename T>
  T operator()(T a) const {
    const T x = a * typename T::value_type(3.14159265358979323846);
    return a == T(0) ? T(1) : div_op()(std::sin(x), x);
  }
};

}  // namespace flambeau::cpu::complex_ops
