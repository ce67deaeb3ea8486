// The elementwise evaluator over complex64 and complex128. What each micro-op does is what cpu/micro_complex.h does.
#include <cuda/std/complex>

#include "elementwise.cuh"
#include "elementwise_types.h"

namespace flambeau::cuda {
namespace {

using namespace elementwise;

template <typename T>
struct Ops {
  using R = typename T::value_type;
  static __device__ __forceinline__ T mul(T a, T b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
  static __device__ __forceinline__ T conj(T a) { return {a.re, -a.im}; }
  // Scaled by the divisor's larger part, so that squares do not overflow.
  static __device__ T div(T x, T y) {
    const R a = x.re, b = x.im, c = y.re, d = y.im;
    if (fabs(c) >= fabs(d)) {
      if (c == 0 && d == 0) return {a / fabs(c), b / fabs(d)};
      const R ratio = d / c, scale = R(1) / (c + d * ratio);
      return {(a + b * ratio) * scale, (b - a * ratio) * scale};
    }
    const R ratio = c / d, scale = R(1) / (d + c * ratio);
    return {(a * ratio + b) * scale, (b * ratio - a) * scale};
  }
  static __device__ __forceinline__ T flag(bool v) { return {R(v), R(0)}; }
  static __device__ __forceinline__ bool nonzero(T a) { return a.re != 0 || a.im != 0; }
  static __device__ T exp(T a) {
    const R e = ::exp(a.re);
    return a.im == 0 ? T{e, a.im} : T{e * ::cos(a.im), e * ::sin(a.im)};
  }
  static __device__ T log(T a) { return {::log(::hypot(a.re, a.im)), ::atan2(a.im, a.re)}; }
  static __device__ T sqrt(T a) {
    const R r = ::hypot(a.re, a.im);
    if (r == 0) return {R(0), a.im};
    if (a.re >= 0) {
      const R t = ::sqrt((r + a.re) / 2);
      return {t, a.im / (2 * t)};
    }
    const R t = ::sqrt((r - a.re) / 2);
    return {fabs(a.im) / (2 * t), ::copysign(t, a.im)};
  }
};

// Functions of the standard library.
// clang-format off
#define FLAMBEAU_LIBRARY(X) \
  X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(sinh) X(cosh) X(tanh) X(asinh) X(acosh) X(atanh) X(log10)
// clang-format on
template <typename T>
__device__ __noinline__ T library(int op, T a) {
  using R = typename T::value_type;
  using S = ::cuda::std::complex<double>;  // in float32, cancellation would cost half of the digits
  const S z(a.re, a.im);
  S r = z;
  switch (op) {
#define X(name)                            \
  case static_cast<int>(MicroOp::name##_): \
    r = ::cuda::std::name(z);              \
    break;
    FLAMBEAU_LIBRARY(X)
#undef X
    default:
      break;
  }
  return {static_cast<R>(r.real()), static_cast<R>(r.imag())};
}

struct Apply {
  template <typename C>
  static bool has(int op) {
    switch (static_cast<MicroOp>(op)) {
      case MicroOp::add_:
      case MicroOp::sub_:
      case MicroOp::mul_:
      case MicroOp::mul_add_:
      case MicroOp::div_:
      case MicroOp::mul_conj_:
      case MicroOp::div_conj_:
      case MicroOp::neg_:
      case MicroOp::abs_:
      case MicroOp::sgn_:
      case MicroOp::square_:
      case MicroOp::reciprocal_:
      case MicroOp::sqrt_:
      case MicroOp::rsqrt_:
      case MicroOp::conj_:
      case MicroOp::real_:
      case MicroOp::imag_:
      case MicroOp::angle_:
      case MicroOp::make_complex_:
      case MicroOp::polar_:
      case MicroOp::eq_:
      case MicroOp::ne_:
      case MicroOp::logical_and_:
      case MicroOp::logical_or_:
      case MicroOp::logical_xor_:
      case MicroOp::logical_not_:
      case MicroOp::isnan_:
      case MicroOp::isinf_:
      case MicroOp::isfinite_:
      case MicroOp::where_:
      case MicroOp::exp_:
      case MicroOp::log_:
      case MicroOp::pow_:
      case MicroOp::exp2_:
      case MicroOp::expm1_:
      case MicroOp::log2_:
      case MicroOp::log1p_:
      case MicroOp::logaddexp_:
      case MicroOp::sigmoid_:
      case MicroOp::silu_:
      case MicroOp::silu_slope_:
      case MicroOp::sinc_:
#define X(name) case MicroOp::name##_:
        FLAMBEAU_LIBRARY(X)
#undef X
        return true;
      default:
        return false;
    }
  }

  template <typename C>
  static __device__ __noinline__ C one(int op, C a, C b, C c) {
    using O = Ops<C>;
    using R = typename C::value_type;
    switch (static_cast<MicroOp>(op)) {
      case MicroOp::add_:
        return {a.re + b.re, a.im + b.im};
      case MicroOp::sub_:
        return {a.re - b.re, a.im - b.im};
      case MicroOp::mul_:
        return O::mul(a, b);
      case MicroOp::mul_add_: {
        const C product = O::mul(a, b);
        return {product.re + c.re, product.im + c.im};
      }
      case MicroOp::mul_conj_:
        return O::mul(a, O::conj(b));
      case MicroOp::div_:
        return O::div(a, b);
      case MicroOp::div_conj_:
        return O::div(a, O::conj(b));
      case MicroOp::neg_:
        return {-a.re, -a.im};
      case MicroOp::abs_:
        return {::hypot(a.re, a.im), R(0)};
      case MicroOp::sgn_: {
        const R r = ::hypot(a.re, a.im);
        return r == 0 ? C{R(0), R(0)} : C{a.re / r, a.im / r};
      }
      case MicroOp::square_:
        return O::mul(a, a);
      case MicroOp::reciprocal_:
        return O::div(C{R(1), R(0)}, a);
      case MicroOp::sqrt_:
        return O::sqrt(a);
      case MicroOp::rsqrt_:
        return O::div(C{R(1), R(0)}, O::sqrt(a));
      case MicroOp::conj_:
        return O::conj(a);
      case MicroOp::real_:
        return {a.re, R(0)};
      case MicroOp::imag_:
        return {a.im, R(0)};
      case MicroOp::angle_:
        return {::atan2(a.im, a.re), R(0)};
      case MicroOp::make_complex_:
        return {a.re, b.re};
      case MicroOp::polar_:
        return {a.re * ::cos(b.re), a.re * ::sin(b.re)};
      case MicroOp::eq_:
        return O::flag(a.re == b.re && a.im == b.im);
      case MicroOp::ne_:
        return O::flag(a.re != b.re || a.im != b.im);
      case MicroOp::logical_and_:
        return O::flag(O::nonzero(a) && O::nonzero(b));
      case MicroOp::logical_or_:
        return O::flag(O::nonzero(a) || O::nonzero(b));
      case MicroOp::logical_xor_:
        return O::flag(O::nonzero(a) != O::nonzero(b));
      case MicroOp::logical_not_:
        return O::flag(!O::nonzero(a));
      case MicroOp::isnan_:
        return O::flag(a.re != a.re || a.im != a.im);
      case MicroOp::isinf_:
        return O::flag(isinf(a.re) || isinf(a.im));
      case MicroOp::isfinite_:
        return O::flag(isfinite(a.re) && isfinite(a.im));
      case MicroOp::where_:
        return O::nonzero(a) ? b : c;
      case MicroOp::exp_:
        return O::exp(a);
      case MicroOp::log_:
        return O::log(a);
      case MicroOp::pow_:
        if (!O::nonzero(b)) return {R(1), R(0)};
        if (!O::nonzero(a)) return {b.re > 0 ? R(0) : R(1) / R(0), R(0)};
        return O::exp(O::mul(b, O::log(a)));
      case MicroOp::exp2_:
        return O::exp(C{a.re * R(0.69314718055994530942), a.im * R(0.69314718055994530942)});
      case MicroOp::expm1_: {
        const R e = ::expm1(a.re), half = ::sin(a.im / 2);
        return {e - 2 * (e + 1) * half * half, ::exp(a.re) * ::sin(a.im)};
      }
      case MicroOp::log2_: {
        const C l = O::log(a);
        return {l.re / R(0.69314718055994530942), l.im / R(0.69314718055994530942)};
      }
      case MicroOp::log1p_: {
        const R r = ::hypot(a.re, a.im), theta = ::atan2(a.im, a.re + R(1));
        if (r < R(0.5)) return {R(0.5) * ::log1p(r * r + R(2) * a.re), theta};
        return {::log(::hypot(a.re + R(1), a.im)), theta};
      }
      case MicroOp::logaddexp_: {
        if (a.re != a.re || a.im != a.im) return a;
        if (b.re != b.re || b.im != b.im) return b;
        if (a.re < b.re) {
          const C t = a;
          a = b;
          b = t;
        }
        if (isinf(a.re)) {
          if (a.re < 0) return a;
          const C x = O::exp(C{R(0), a.im}), y = isinf(b.re) ? O::exp(C{R(0), b.im}) : C{R(0), R(0)};
          const C l = O::log(C{x.re + y.re, x.im + y.im});
          return {l.re + a.re, l.im};
        }
        const C e = O::exp(C{b.re - a.re, b.im - a.im}), l = O::log(C{e.re + 1, e.im});
        return {a.re + l.re, a.im + l.im};
      }
      case MicroOp::sigmoid_:
      case MicroOp::silu_: {
        const C e = O::exp(C{-a.re, -a.im});
        return O::div(op == static_cast<int>(MicroOp::silu_) ? a : C{R(1), R(0)}, C{e.re + 1, e.im});
      }
      case MicroOp::silu_slope_: {
        const C e = O::exp(C{-a.re, -a.im}), s = O::div(C{R(1), R(0)}, C{e.re + 1, e.im});
        const C rest = O::mul(a, C{1 - s.re, -s.im});
        return O::mul(s, C{1 + rest.re, rest.im});
      }
      case MicroOp::sinc_: {
        if (!O::nonzero(a)) return {R(1), R(0)};
        const C x{a.re * R(3.14159265358979323846), a.im * R(3.14159265358979323846)};
        return O::div(library(static_cast<int>(MicroOp::sin_), x), x);
      }
      default:
        return library(op, a);
    }
  }

  template <typename C>
  static __device__ __forceinline__ void run(int op, C (&r)[kItems], const C (&a)[kItems], const C (&b)[kItems],
                                             const C (&c)[kItems]) {
#pragma unroll
    for (int k = 0; k < kItems; ++k) r[k] = one(op, a[k], b[k], c[k]);
  }
};

}  // namespace

Status elementwise_complex(ElementwiseArgs& args) {
  return args.compute == DType::c64 ? run<Apply, Complex<float>>(args) : run<Apply, Complex<double>>(args);
}

}  // namespace flambeau::cuda
