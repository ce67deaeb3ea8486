// The micro-ops that are compiled once: integer division, complex arithmetic, and functions that libm computes.
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <type_traits>

#include "blocks.h"
#include "micro_complex.h"
#include "micro_ops.h"
#include "special.h"

namespace flambeau::cpu {
namespace {

template <typename T>
using Unsigned = std::make_unsigned_t<T>;
template <typename T>
T negate(T a) {
  return T(Unsigned<T>(0) - Unsigned<T>(a));
}
template <typename T>
inline constexpr bool kReal = std::is_floating_point_v<T>;

// Division by zero is refused before a program runs (elementwise.cpp); here it only must not trap. The minimum
// divided by -1 wraps.
template <typename T>
T divide(T a, T b) {
  return b == 0 ? T(0) : b == -1 ? negate(a) : a / b;
}
template <typename T>
T modulo(T a, T b) {
  return b == 0 || b == -1 ? T(0) : a % b;
}

struct trunc_divide_op {
  template <typename T>
  T operator()(T a, T b) const {
    return divide(a, b);
  }
};
// Floats: the floor of the exact quotient, by way of the remainder, as in Python.
struct floor_divide_op {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (kReal<T>) {
      if (b == 0) return a / b;
      const T mod = std::fmod(a, b);
      T quotient = (a - mod) / b;
      if (mod != 0 && (b < 0) != (mod < 0)) quotient -= T(1);
      if (quotient == 0) return std::copysign(T(0), a / b);
      T result = std::floor(quotient);
      if (quotient - result > T(0.5)) result += T(1);
      return result;
    } else {
      const T quotient = divide(a, b);
      return modulo(a, b) != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
    }
  }
};
struct fmod_op {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (kReal<T>)
      return std::fmod(a, b);
    else
      return modulo(a, b);
  }
};
// The remainder that has the divisor's sign.
struct remainder_op {
  template <typename T>
  T operator()(T a, T b) const {
    const T mod = fmod_op()(a, b);
    return mod != 0 && (b < 0) != (mod < 0) ? mod + b : mod;
  }
};
struct pow_op {
  template <typename T>
  T operator()(T a, T b) const {
    if (b < 0) return a == 1 ? T(1) : a == -1 ? (b & 1 ? T(-1) : T(1)) : T(0);
    Unsigned<T> result = 1, base = Unsigned<T>(a), e = Unsigned<T>(b);
    for (; e != 0; e >>= 1, base *= base)
      if (e & 1) result *= base;
    return T(result);
  }
};
struct nextafter_op {
  template <typename T>
  T operator()(T a, T b) const {
    return std::nextafter(a, b);
  }
};
struct gcd_op {
  template <typename T>
  T operator()(T a, T b) const {
    Unsigned<T> x = a < 0 ? negate(a) : a, y = b < 0 ? negate(b) : b;
    while (y != 0) {
      const Unsigned<T> r = x % y;
      x = y;
      y = r;
    }
    return T(x);
  }
};
struct lcm_op {
  template <typename T>
  T operator()(T a, T b) const {
    const T g = gcd_op()(a, b);
    if (g == 0) return 0;
    const T product = T(Unsigned<T>(divide(a, g)) * Unsigned<T>(b));
    return product < 0 ? negate(product) : product;
  }
};
// Special functions compute in double.
#define FLAMBEAU_SPECIAL_1(name)                       \
  struct name##_op {                                   \
    template <typename T>                              \
    T operator()(T a) const {                          \
      return static_cast<T>(special::name(double(a))); \
    }                                                  \
  };
#define FLAMBEAU_SPECIAL_2(name)                                  \
  struct name##_op {                                              \
    template <typename T>                                         \
    T operator()(T a, T b) const {                                \
      return static_cast<T>(special::name(double(a), double(b))); \
    }                                                             \
  };
FLAMBEAU_SPECIAL_1(erfinv)
FLAMBEAU_SPECIAL_1(lgamma)
FLAMBEAU_SPECIAL_1(digamma)
FLAMBEAU_SPECIAL_1(i0)
FLAMBEAU_SPECIAL_1(i0e)
FLAMBEAU_SPECIAL_1(i1)
FLAMBEAU_SPECIAL_1(i1e)
FLAMBEAU_SPECIAL_1(bessel_j0)
FLAMBEAU_SPECIAL_1(bessel_j1)
FLAMBEAU_SPECIAL_1(bessel_y0)
FLAMBEAU_SPECIAL_1(bessel_y1)
FLAMBEAU_SPECIAL_1(modified_bessel_k0)
FLAMBEAU_SPECIAL_1(modified_bessel_k1)
FLAMBEAU_SPECIAL_1(scaled_modified_bessel_k0)
FLAMBEAU_SPECIAL_1(scaled_modified_bessel_k1)
FLAMBEAU_SPECIAL_1(spherical_bessel_j0)
FLAMBEAU_SPECIAL_1(airy_ai)
FLAMBEAU_SPECIAL_1(erfcx)
FLAMBEAU_SPECIAL_1(ndtri)
FLAMBEAU_SPECIAL_1(log_ndtr)
FLAMBEAU_SPECIAL_2(polygamma)
FLAMBEAU_SPECIAL_2(zeta)
FLAMBEAU_SPECIAL_2(igamma)
FLAMBEAU_SPECIAL_2(igammac)
FLAMBEAU_SPECIAL_2(chebyshev_t)
FLAMBEAU_SPECIAL_2(chebyshev_u)
FLAMBEAU_SPECIAL_2(chebyshev_v)
FLAMBEAU_SPECIAL_2(chebyshev_w)
FLAMBEAU_SPECIAL_2(hermite_h)
FLAMBEAU_SPECIAL_2(hermite_he)
FLAMBEAU_SPECIAL_2(laguerre)
FLAMBEAU_SPECIAL_2(legendre)
#undef FLAMBEAU_SPECIAL_1
#undef FLAMBEAU_SPECIAL_2

template <typename Op, typename T, int kArity>
void loop(void* dst_, const void* a_, const void* b_, const void* c_, int64_t n) {
  auto* dst = static_cast<T*>(dst_);
  const auto* a = static_cast<const T*>(a_);
  [[maybe_unused]] const auto* b = static_cast<const T*>(b_);
  [[maybe_unused]] const auto* c = static_cast<const T*>(c_);
  const Op op{};
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (kArity == 1) dst[i] = op(a[i]);
    if constexpr (kArity == 2) dst[i] = op(a[i], b[i]);
    if constexpr (kArity == 3) dst[i] = op(a[i], b[i], c[i]);
  }
}

struct Table {
  MicroFunction functions[kNumDTypes][kNumMicroOps]{};
  template <typename Op, typename T, int kArity>
  void set(MicroOp op, DType dtype) {
    functions[static_cast<int>(dtype)][static_cast<int>(op)] = loop<Op, T, kArity>;
  }
  Table() {
#define X(name, arity)                                        \
  set<name##_op, float, arity>(MicroOp::name##_, DType::f32); \
  set<name##_op, double, arity>(MicroOp::name##_, DType::f64);
    FLAMBEAU_SCALAR_MICRO_OPS_FLOAT(X)
#undef X
#define X(name, arity)                                          \
  set<name##_op, int32_t, arity>(MicroOp::name##_, DType::i32); \
  set<name##_op, int64_t, arity>(MicroOp::name##_, DType::i64);
    FLAMBEAU_SCALAR_MICRO_OPS_INT(X)
#undef X
#define X(name, arity)                                                         \
  set<complex_ops::name##_op, complex64, arity>(MicroOp::name##_, DType::c64); \
  set<complex_ops::name##_op, complex128, arity>(MicroOp::name##_, DType::c128);
    FLAMBEAU_SCALAR_MICRO_OPS_COMPLEX(X)
#undef X
  }
};

}  // namespace

MicroFunction scalar_micro_function(MicroOp op, DType compute) {
  static const Table table;
  return table.functions[static_cast<int>(compute)][static_cast<int>(op)];
}

}  // namespace flambeau::cpu
