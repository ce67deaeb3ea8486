// The arithmetic of the elementwise evaluator on the device: a function object per line of micro_ops.def. What each
// does at its edges is what the CPU's does (cpu/micro_ops-inl.h, cpu/micro_math-inl.h, cpu/micro_scalar.cpp).
#pragma once
#include "device.cuh"

namespace flambeau::cuda::micro {

template <typename T>
struct Wrap {
  using type = T;
};
template <>
struct Wrap<int32_t> {
  using type = uint32_t;
};
template <>
struct Wrap<int64_t> {
  using type = uint64_t;
};
template <typename T>
using Wrapped = typename Wrap<T>::type;
template <typename T>
inline constexpr bool kFloat = std::is_floating_point_v<T>;
template <typename T>
__device__ __forceinline__ T infinity() {
  return sizeof(T) == 4 ? T(__int_as_float(0x7f800000)) : T(__longlong_as_double(0x7ff0000000000000ll));
}

#define FLAMBEAU_OP1(name, ...)                          \
  struct name##_op {                                     \
    template <typename T>                                \
    __device__ __forceinline__ T operator()(T a) const { \
      __VA_ARGS__                                        \
    }                                                    \
  };
#define FLAMBEAU_OP2(name, ...)                               \
  struct name##_op {                                          \
    template <typename T>                                     \
    __device__ __forceinline__ T operator()(T a, T b) const { \
      __VA_ARGS__                                             \
    }                                                         \
  };

FLAMBEAU_OP2(add, return T(Wrapped<T>(a) + Wrapped<T>(b));)
FLAMBEAU_OP2(sub, return T(Wrapped<T>(a) - Wrapped<T>(b));)
FLAMBEAU_OP2(mul, return T(Wrapped<T>(a) * Wrapped<T>(b));)
FLAMBEAU_OP2(div, return a / b;)
struct mul_add_op {
  template <typename T>
  __device__ __forceinline__ T operator()(T a, T b, T c) const {
    if constexpr (kFloat<T>)
      return ::fma(a, b, c);
    else
      return T(Wrapped<T>(a) * Wrapped<T>(b) + Wrapped<T>(c));
  }
};
struct mul_conj_op : mul_op {};
struct div_conj_op : div_op {};
FLAMBEAU_OP1(neg, if constexpr (kFloat<T>) return -a; else return T(Wrapped<T>(0) - Wrapped<T>(a));)
FLAMBEAU_OP1(abs, if constexpr (kFloat<T>) return fabs(a); else return a < 0 ? neg_op()(a) : a;)
FLAMBEAU_OP1(sign, return T(T(a > 0) - T(a < 0));)
struct sgn_op : sign_op {};
FLAMBEAU_OP1(square, return T(Wrapped<T>(a) * Wrapped<T>(a));)
FLAMBEAU_OP1(reciprocal, return T(1) / a;)
FLAMBEAU_OP1(sqrt, return ::sqrt(a);)
FLAMBEAU_OP1(rsqrt, return ::rsqrt(a);)
FLAMBEAU_OP1(conj, return a;)
struct real_op : conj_op {};
FLAMBEAU_OP1(imag, return T(0);)
FLAMBEAU_OP1(angle, if constexpr (kFloat<T>) return a != a ? a
                    : a < 0                                ? T(3.14159265358979323846)
                                                           : T(0);
             else return T(0);)

// Integer division by zero is reported before a program runs; here it only must not trap.
template <typename T>
__device__ __forceinline__ T quotient(T a, T b) {
  return b == 0 ? T(0) : b == -1 ? neg_op()(a) : a / b;
}
template <typename T>
__device__ __forceinline__ T modulo(T a, T b) {
  return b == 0 || b == -1 ? T(0) : a % b;
}
FLAMBEAU_OP2(trunc_divide, if constexpr (kFloat<T>) return ::trunc(a / b); else return quotient(a, b);)
FLAMBEAU_OP2(
    floor_divide,
    if constexpr (kFloat<T>) {
      if (b == 0) return a / b;
      const T mod = ::fmod(a, b);
      T q = (a - mod) / b;
      if (mod != 0 && (b < 0) != (mod < 0)) q -= T(1);
      if (q == 0) return ::copysign(T(0), a / b);
      T result = ::floor(q);
      if (q - result > T(0.5)) result += T(1);
      return result;
    } else {
      const T q = quotient(a, b);
      return modulo(a, b) != 0 && (a < 0) != (b < 0) ? q - 1 : q;
    })
FLAMBEAU_OP2(fmod, if constexpr (kFloat<T>) return ::fmod(a, b); else return modulo(a, b);)
FLAMBEAU_OP2(remainder, const T mod = fmod_op()(a, b); return mod != 0 && (b < 0) != (mod < 0) ? mod + b : mod;)
FLAMBEAU_OP2(
    pow, if constexpr (kFloat<T>) { return ::pow(a, b); } else {
      if (b < 0) return a == 1 ? T(1) : a == -1 ? (b & 1 ? T(-1) : T(1)) : T(0);
      Wrapped<T> result = 1, base = Wrapped<T>(a), e = Wrapped<T>(b);
      for (; e != 0; e >>= 1, base *= base)
        if (e & 1) result *= base;
      return T(result);
    })
FLAMBEAU_OP2(
    gcd, Wrapped<T> x = Wrapped<T>(abs_op()(a)), y = Wrapped<T>(abs_op()(b)); while (y != 0) {
      const Wrapped<T> r = x % y;
      x = y;
      y = r;
    } return T(x);)
FLAMBEAU_OP2(lcm, const T g = gcd_op()(a, b); if (g == 0) return 0;
             const T product = T(Wrapped<T>(quotient(a, g)) * Wrapped<T>(b));
             return product < 0 ? neg_op()(product) : product;)

// Maximum and minimum pass NaN on, fmax and fmin prefer numbers.
FLAMBEAU_OP2(maximum, const T m = a > b ? a : b; return a != a ? a : m;)
FLAMBEAU_OP2(minimum, const T m = a < b ? a : b; return a != a ? a : m;)
FLAMBEAU_OP2(fmax, const T m = a > b ? a : b; return b != b ? a : m;)
FLAMBEAU_OP2(fmin, const T m = a < b ? a : b; return b != b ? a : m;)
struct clamp_op {
  template <typename T>
  __device__ __forceinline__ T operator()(T a, T low, T high) const {
    return minimum_op()(maximum_op()(a, low), high);
  }
};
FLAMBEAU_OP2(heaviside, return a == 0 ? b : T(a > 0);)
FLAMBEAU_OP2(copysign, return ::copysign(a, b);)
FLAMBEAU_OP1(relu, return a <= 0 ? T(0) : a;)
FLAMBEAU_OP1(ceil, if constexpr (kFloat<T>) return ::ceil(a); else return a;)
FLAMBEAU_OP1(floor, if constexpr (kFloat<T>) return ::floor(a); else return a;)
FLAMBEAU_OP1(round, if constexpr (kFloat<T>) return ::rint(a); else return a;)
FLAMBEAU_OP1(trunc, if constexpr (kFloat<T>) return ::trunc(a); else return a;)
FLAMBEAU_OP1(frac, return a - ::trunc(a);)
FLAMBEAU_OP2(eq, return T(a == b);)
FLAMBEAU_OP2(ne, return T(a != b);)
FLAMBEAU_OP2(lt, return T(a < b);)
FLAMBEAU_OP2(le, return T(a <= b);)
FLAMBEAU_OP2(gt, return T(a > b);)
FLAMBEAU_OP2(ge, return T(a >= b);)
FLAMBEAU_OP2(logical_and, return T(a != 0 && b != 0);)
FLAMBEAU_OP2(logical_or, return T(a != 0 || b != 0);)
FLAMBEAU_OP2(logical_xor, return T((a != 0) != (b != 0));)
FLAMBEAU_OP1(logical_not, return T(a == 0);)
FLAMBEAU_OP2(bitwise_and, return a & b;)
FLAMBEAU_OP2(bitwise_or, return a | b;)
FLAMBEAU_OP2(bitwise_xor, return a ^ b;)
FLAMBEAU_OP1(bitwise_not, return ~a;)
FLAMBEAU_OP2(left_shift, constexpr T bits = sizeof(T) * 8; return b < 0 || b >= bits ? T(0) : T(Wrapped<T>(a) << b);)
FLAMBEAU_OP2(right_shift, constexpr T bits = sizeof(T) * 8; return a >> (b < 0 || b >= bits ? bits - 1 : b);)
FLAMBEAU_OP1(isnan, return T(a != a);)
FLAMBEAU_OP1(isinf, if constexpr (kFloat<T>) return T(fabs(a) == infinity<T>()); else return T(0);)
FLAMBEAU_OP1(isfinite, if constexpr (kFloat<T>) return T(fabs(a) < infinity<T>()); else return T(1);)
FLAMBEAU_OP1(isposinf, if constexpr (kFloat<T>) return T(a == infinity<T>()); else return T(0);)
FLAMBEAU_OP1(isneginf, if constexpr (kFloat<T>) return T(a == -infinity<T>()); else return T(0);)
FLAMBEAU_OP1(signbit, if constexpr (kFloat<T>) return T(::copysign(T(1), a) < 0); else return T(a < 0);)
struct where_op {
  template <typename T>
  __device__ __forceinline__ T operator()(T condition, T a, T b) const {
    return condition != 0 ? a : b;
  }
};
FLAMBEAU_OP1(exp, return ::exp(a);)
FLAMBEAU_OP1(exp2, return ::exp2(a);)
FLAMBEAU_OP1(expm1, return ::expm1(a);)
FLAMBEAU_OP1(log, return ::log(a);)
FLAMBEAU_OP1(log2, return ::log2(a);)
FLAMBEAU_OP1(log10, return ::log10(a);)
FLAMBEAU_OP1(log1p, return ::log1p(a);)
FLAMBEAU_OP1(sin, return ::sin(a);)
FLAMBEAU_OP1(cos, return ::cos(a);)
FLAMBEAU_OP1(tan, return ::tan(a);)
FLAMBEAU_OP1(asin, return ::asin(a);)
FLAMBEAU_OP1(acos, return ::acos(a);)
FLAMBEAU_OP1(atan, return ::atan(a);)
FLAMBEAU_OP1(sinh, return ::sinh(a);)
FLAMBEAU_OP1(cosh, return ::cosh(a);)
FLAMBEAU_OP1(tanh, return ::tanh(a);)
FLAMBEAU_OP1(asinh, return ::asinh(a);)
FLAMBEAU_OP1(acosh, return ::acosh(a);)
FLAMBEAU_OP1(atanh, return ::atanh(a);)
FLAMBEAU_OP1(sigmoid, return T(1) / (T(1) + ::exp(-a));)
FLAMBEAU_OP1(sinc, return a == 0 ? T(1) : T(sinpi(a) / (T(3.14159265358979323846) * a));)
FLAMBEAU_OP1(erf, return ::erf(a);)
FLAMBEAU_OP1(erfc, return ::erfc(a);)
FLAMBEAU_OP1(erfinv, return ::erfinv(a);)
FLAMBEAU_OP1(lgamma, return ::lgamma(a);)
FLAMBEAU_OP1(i0, return T(cyl_bessel_i0(double(a)));)
FLAMBEAU_OP1(i1, return T(cyl_bessel_i1(double(a)));)
FLAMBEAU_OP1(bessel_j0, return T(::j0(double(a)));)
FLAMBEAU_OP1(bessel_j1, return T(::j1(double(a)));)
FLAMBEAU_OP1(bessel_y0, return T(::y0(double(a)));)
FLAMBEAU_OP1(bessel_y1, return T(::y1(double(a)));)
FLAMBEAU_OP1(erfcx, return T(::erfcx(double(a)));)
FLAMBEAU_OP1(ndtri, return T(normcdfinv(double(a)));)
FLAMBEAU_OP2(nextafter, if constexpr (sizeof(T) == 4) return ::nextafterf(a, b); else return ::nextafter(a, b);)
FLAMBEAU_OP1(gelu, return a * T(0.5) * (T(1) + ::erf(a * T(0.70710678118654752440)));)
FLAMBEAU_OP1(gelu_slope, return T(0.5) * (T(1) + ::erf(a * T(0.70710678118654752440))) +
                                a * T(0.39894228040143267794) * ::exp(T(-0.5) * a * a);)
FLAMBEAU_OP1(silu, return a / (T(1) + ::exp(-a));)
FLAMBEAU_OP1(silu_slope, const T s = T(1) / (T(1) + ::exp(-a)); return s * (T(1) + a * (T(1) - s));)
FLAMBEAU_OP2(hypot, return ::hypot(a, b);)
FLAMBEAU_OP2(atan2, return ::atan2(a, b);)
FLAMBEAU_OP2(xlogy, return b != b ? b : a == 0 ? T(0) : a * ::log(b);)
FLAMBEAU_OP2(xlog1py, return b != b ? b : a == 0 ? T(0) : a * ::log1p(b);)
FLAMBEAU_OP2(logaddexp, const T m = a > b ? a : b;
             return fabs(a) == infinity<T>() && a == b ? a : m + ::log1p(::exp(-fabs(a - b)));)
FLAMBEAU_OP2(logaddexp2, const T m = a > b ? a : b;
             return fabs(a) == infinity<T>() && a == b ? a
                                                       : m + ::log1p(::exp2(-fabs(a - b))) * T(1.44269504088896340736);)

#undef FLAMBEAU_OP1
#undef FLAMBEAU_OP2

// X(name, arity): cheap ones are written out for each element of a thread, the others are called.
// clang-format off
#define FLAMBEAU_CUDA_LIGHT(X) \
  X(add, 2) X(sub, 2) X(mul, 2) X(mul_add, 3) X(mul_conj, 2) X(neg, 1) X(abs, 1) X(sign, 1) X(sgn, 1) X(square, 1) X(conj, 1) \
  X(real, 1) X(imag, 1) X(maximum, 2) X(minimum, 2) X(fmax, 2) X(fmin, 2) X(clamp, 3) X(heaviside, 2) X(ceil, 1) \
  X(floor, 1) X(round, 1) X(trunc, 1) X(eq, 2) X(ne, 2) X(lt, 2) X(le, 2) X(gt, 2) X(ge, 2) X(logical_and, 2) \
  X(logical_or, 2) X(logical_xor, 2) X(logical_not, 1) X(isnan, 1) X(isinf, 1) X(isfinite, 1) X(isposinf, 1) \
  X(isneginf, 1) X(signbit, 1) X(where, 3) X(relu, 1) X(angle, 1)
#define FLAMBEAU_CUDA_LIGHT_FLOAT(X) \
  X(div, 2) X(div_conj, 2) X(reciprocal, 1) X(sqrt, 1) X(rsqrt, 1) X(copysign, 2) X(frac, 1)
#define FLAMBEAU_CUDA_LIGHT_INT(X) \
  X(bitwise_and, 2) X(bitwise_or, 2) X(bitwise_xor, 2) X(bitwise_not, 1) X(left_shift, 2) X(right_shift, 2)
#define FLAMBEAU_CUDA_HEAVY_FLOAT(X) \
  X(pow, 2) X(trunc_divide, 2) X(floor_divide, 2) X(fmod, 2) X(remainder, 2) X(hypot, 2) X(atan2, 2) X(xlogy, 2) \
  X(xlog1py, 2) X(logaddexp, 2) X(logaddexp2, 2) X(exp, 1) X(exp2, 1) X(expm1, 1) X(log, 1) X(log2, 1) X(log10, 1) \
  X(log1p, 1) X(sin, 1) X(cos, 1) X(tan, 1) X(asin, 1) X(acos, 1) X(atan, 1) X(sinh, 1) X(cosh, 1) X(tanh, 1) \
  X(asinh, 1) X(acosh, 1) X(atanh, 1) X(sigmoid, 1) X(sinc, 1) X(erf, 1) X(erfc, 1) X(erfinv, 1) X(lgamma, 1) \
  X(gelu, 1) X(gelu_slope, 1) X(silu, 1) X(silu_slope, 1) X(nextafter, 2) X(i0, 1) X(i1, 1) X(bessel_j0, 1) X(bessel_j1, 1) \
  X(bessel_y0, 1) X(bessel_y1, 1) X(erfcx, 1) X(ndtri, 1)
#define FLAMBEAU_CUDA_HEAVY_INT(X) \
  X(pow, 2) X(trunc_divide, 2) X(floor_divide, 2) X(fmod, 2) X(remainder, 2) X(gcd, 2) X(lcm, 2)
// clang-format on

}  // namespace flambeau::cuda::micro
