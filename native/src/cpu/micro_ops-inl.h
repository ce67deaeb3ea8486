// Arithmetic, rounding, comparison and logic of the elementwise evaluator, compiled once for every ISA (micro_ops.cpp).
// A struct `name_op` per line of micro_ops.def: operator()(T...) is branch-free, so that the compiler vectorises it.
// No include guard: foreach_target.h includes this file's user again for each target.
HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {

// The type in which integers are computed, so that overflow wraps; floats compute in themselves.
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
using BitsOf = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

struct add_op {
  template <typename T>
  T operator()(T a, T b) const {
    return T(Wrapped<T>(a) + Wrapped<T>(b));
  }
};
struct sub_op {
  template <typename T>
  T operator()(T a, T b) const {
    return T(Wrapped<T>(a) - Wrapped<T>(b));
  }
};
struct mul_op {
  template <typename T>
  T operator()(T a, T b) const {
    return T(Wrapped<T>(a) * Wrapped<T>(b));
  }
};
struct div_op {
  template <typename T>
  T operator()(T a, T b) const {
    return a / b;
  }
};
struct mul_conj_op : mul_op {};
struct div_conj_op : div_op {};
struct neg_op {
  template <typename T>
  T operator()(T a) const {
    if constexpr (kFloat<T>)
      return -a;
    else
      return T(Wrapped<T>(0) - Wrapped<T>(a));
  }
};
struct abs_op {
  template <typename T>
  T operator()(T a) const {
    if constexpr (kFloat<T>)
      return std::fabs(a);
    else
      return a < 0 ? T(Wrapped<T>(0) - Wrapped<T>(a)) : a;
  }
};
// PyTorch's sign of NaN is 0.
struct sign_op {
  template <typename T>
  T operator()(T a) const {
    return T(T(a > 0) - T(a < 0));
  }
};
struct sgn_op : sign_op {};
struct square_op {
  template <typename T>
  T operator()(T a) const {
    return T(Wrapped<T>(a) * Wrapped<T>(a));
  }
};
struct reciprocal_op {
  template <typename T>
  T operator()(T a) const {
    return T(1) / a;
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
    return T(1) / std::sqrt(a);
  }
};
struct conj_op {
  template <typename T>
  T operator()(T a) const {
    return a;
  }
};
struct real_op : conj_op {};
struct imag_op {
  template <typename T>
  T operator()(T) const {
    return T(0);
  }
};
struct angle_op {
  template <typename T>
  T operator()(T a) const {
    if constexpr (kFloat<T>)
      return a != a ? a : a < 0 ? T(3.14159265358979323846) : T(0);
    else
      return T(0);  // integers become floating-point before
  }
};
struct trunc_divide_op {
  template <typename T>
  T operator()(T a, T b) const {
    return std::trunc(a / b);
  }
};

// Extremes: maximum and minimum pass NaN on, fmax and fmin prefer numbers.
struct maximum_op {
  template <typename T>
  T operator()(T a, T b) const {
    const T m = a > b ? a : b;
    if constexpr (kFloat<T>)
      return a != a ? a : m;
    else
      return m;
  }
};
struct minimum_op {
  template <typename T>
  T operator()(T a, T b) const {
    const T m = a < b ? a : b;
    if constexpr (kFloat<T>)
      return a != a ? a : m;
    else
      return m;
  }
};
struct fmax_op {
  template <typename T>
  T operator()(T a, T b) const {
    const T m = a > b ? a : b;
    if constexpr (kFloat<T>)
      return b != b ? a : m;
    else
      return m;
  }
};
struct fmin_op {
  template <typename T>
  T operator()(T a, T b) const {
    const T m = a < b ? a : b;
    if constexpr (kFloat<T>)
      return b != b ? a : m;
    else
      return m;
  }
};
// NaN in the value or a bound passes through; where low > high, high wins.
struct clamp_op {
  template <typename T>
  T operator()(T a, T low, T high) const {
    T result = low > a ? low : a;
    result = high < result ? high : result;
    if constexpr (kFloat<T>) result = std::isunordered(low, high) ? std::numeric_limits<T>::quiet_NaN() : result;
    return result;
  }
};
struct heaviside_op {
  template <typename T>
  T operator()(T a, T b) const {
    return a == 0 ? b : T(a > 0);
  }
};
struct copysign_op {
  template <typename T>
  T operator()(T a, T b) const {
    using B = BitsOf<T>;
    constexpr B sign = std::numeric_limits<B>::min();
    return std::bit_cast<T>((std::bit_cast<B>(a) & ~sign) | (std::bit_cast<B>(b) & sign));
  }
};
struct relu_op {
  template <typename T>
  T operator()(T a) const {
    return a <= 0 ? T(0) : a;
  }
};

// Rounding leaves integers as they are.
struct ceil_op {
  template <typename T>
  T operator()(T a) const {
    if constexpr (kFloat<T>)
      return std::ceil(a);
    else
      return a;
  }
};
struct floor_op {
  template <typename T>
  T operator()(T a) const {
    if constexpr (kFloat<T>)
      return std::floor(a);
    else
      return a;
  }
};
struct round_op {
  template <typename T>
  T operator()(T a) const {
    if constexpr (kFloat<T>)
      return std::nearbyint(a);  // half to even
    else
      return a;
  }
};
struct trunc_op {
  template <typename T>
  T operator()(T a) const {
    if constexpr (kFloat<T>)
      return std::trunc(a);
    else
      return a;
  }
};
struct frac_op {
  template <typename T>
  T operator()(T a) const {
    return a - std::trunc(a);
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
struct lt_op {
  template <typename T>
  T operator()(T a, T b) const {
    return T(a < b);
  }
};
struct le_op {
  template <typename T>
  T operator()(T a, T b) const {
    return T(a <= b);
  }
};
struct gt_op {
  template <typename T>
  T operator()(T a, T b) const {
    return T(a > b);
  }
};
struct ge_op {
  template <typename T>
  T operator()(T a, T b) const {
    return T(a >= b);
  }
};
struct logical_and_op {
  template <typename T>
  T operator()(T a, T b) const {
    return T(int(a != 0) & int(b != 0));
  }
};
struct logical_or_op {
  template <typename T>
  T operator()(T a, T b) const {
    return T(int(a != 0) | int(b != 0));
  }
};
struct logical_xor_op {
  template <typename T>
  T operator()(T a, T b) const {
    return T(int(a != 0) ^ int(b != 0));
  }
};
struct logical_not_op {
  template <typename T>
  T operator()(T a) const {
    return T(a == 0);
  }
};
struct bitwise_and_op {
  template <typename T>
  T operator()(T a, T b) const {
    return a & b;
  }
};
struct bitwise_or_op {
  template <typename T>
  T operator()(T a, T b) const {
    return a | b;
  }
};
struct bitwise_xor_op {
  template <typename T>
  T operator()(T a, T b) const {
    return a ^ b;
  }
};
struct bitwise_not_op {
  template <typename T>
  T operator()(T a) const {
    return ~a;
  }
};
// Shifts by a negative amount or by the width and more: everything is shifted out.
struct left_shift_op {
  template <typename T>
  T operator()(T a, T b) const {
    constexpr T bits = sizeof(T) * 8;
    const T shifted = T(Wrapped<T>(a) << (b & (bits - 1)));
    return (b < 0) | (b >= bits) ? T(0) : shifted;
  }
};
struct right_shift_op {
  template <typename T>
  T operator()(T a, T b) const {
    constexpr T bits = sizeof(T) * 8;
    return a >> ((b < 0) | (b >= bits) ? bits - 1 : b);
  }
};

struct isnan_op {
  template <typename T>
  T operator()(T a) const {
    return T(a != a);
  }
};
struct isinf_op {
  template <typename T>
  T operator()(T a) const {
    if constexpr (kFloat<T>)
      return T(std::fabs(a) == std::numeric_limits<T>::infinity());
    else
      return T(0);
  }
};
struct isfinite_op {
  template <typename T>
  T operator()(T a) const {
    if constexpr (kFloat<T>)
      return T(std::fabs(a) < std::numeric_limits<T>::infinity());
    else
      return T(1);
  }
};
struct isposinf_op {
  template <typename T>
  T operator()(T a) const {
    if constexpr (kFloat<T>)
      return T(a == std::numeric_limits<T>::infinity());
    else
      return T(0);
  }
};
struct isneginf_op {
  template <typename T>
  T operator()(T a) const {
    if constexpr (kFloat<T>)
      return T(a == -std::numeric_limits<T>::infinity());
    else
      return T(0);
  }
};
struct signbit_op {
  template <typename T>
  T operator()(T a) const {
    if constexpr (kFloat<T>)
      return T(std::bit_cast<BitsOf<T>>(a) < 0);
    else
      return T(a < 0);
  }
};
struct where_op {
  template <typename T>
  T operator()(T condition, T a, T b) const {
    return condition != 0 ? a : b;
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();
