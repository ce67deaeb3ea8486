// Exponentials, logarithms, trigonometry and error functions of the elementwise evaluator, compiled for every ISA.
HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {

struct exp_op {
  template <typename T>
  T operator()(T a) const { return std::exp(a); }
};
struct log_op {
  template <typename T>
  T operator()(T a) const { return std::log(a); }
};
struct tanh_op {
  template <typename T>
  T operator()(T a) const { return std::tanh(a); }
};
struct exp2_op {
  template <typename T>
  T operator()(T a) const { return std::exp2(a); }
};
struct expm1_op {
  template <typename T>
  T operator()(T a) const { return std::expm1(a); }
};
struct log2_op {
  template <typename T>
  T operator()(T a) const { return std::log2(a); }
};
struct log10_op {
  template <typename T>
  T operator()(T a) const { return std::log10(a); }
};
struct log1p_op {
  template <typename T>
  T operator()(T a) const { return std::log1p(a); }
};
struct sin_op {
  template <typename T>
  T operator()(T a) const { return std::sin(a); }
};
struct cos_op {
  template <typename T>
  T operator()(T a) const { return std::cos(a); }
};
struct tan_op {
  template <typename T>
  T operator()(T a) const { return std::tan(a); }
};
struct asin_op {
  template <typename T>
  T operator()(T a) const { return std::asin(a); }
};
struct acos_op {
  template <typename T>
  T operator()(T a) const { return std::acos(a); }
};
struct atan_op {
  template <typename T>
  T operator()(T a) const { return std::atan(a); }
};
struct sinh_op {
  template <typename T>
  T operator()(T a) const { return std::sinh(a); }
};
struct cosh_op {
  template <typename T>
  T operator()(T a) const { return std::cosh(a); }
};
struct asinh_op {
  template <typename T>
  T operator()(T a) const { return std::asinh(a); }
};
struct acosh_op {
  template <typename T>
  T operator()(T a) const { return std::acosh(a); }
};
struct atanh_op {
  template <typename T>
  T operator()(T a) const { return std::atanh(a); }
};
struct erf_op {
  template <typename T>
  T operator()(T a) const { return std::erf(a); }
};
struct erfc_op {
  template <typename T>
  T operator()(T a) const { return std::erfc(a); }
};
struct sigmoid_op {
  template <typename T>
  T operator()(T a) const { return T(1) / (T(1) + exp_op()(-a)); }
};
struct sinc_op {
  template <typename T>
  T operator()(T a) const {
    const T x = a * T(3.14159265358979323846);
    return a == 0 ? T(1) : std::sin(x) / x;
  }
};
struct pow_op {
  template <typename T>
  T operator()(T a, T b) const { return std::pow(a, b); }
};
struct hypot_op {
  template <typename T>
  T operator()(T a, T b) const { return std::hypot(a, b); }
};
struct atan2_op {
  template <typename T>
  T operator()(T a, T b) const { return std::atan2(a, b); }
};
// 0 where a is 0, whatever log gives; NaN passes.
struct xlogy_op {
  template <typename T>
  T operator()(T a, T b) const { return b != b ? b : a == 0 ? T(0) : a * log_op()(b); }
};
struct xlog1py_op {
  template <typename T>
  T operator()(T a, T b) const { return b != b ? b : a == 0 ? T(0) : a * std::log1p(b); }
};
struct logaddexp_op {
  template <typename T>
  T operator()(T a, T b) const {
    const T m = a > b ? a : b;
    const T same = std::fabs(a) == std::numeric_limits<T>::infinity() && a == b ? T(1) : T(0);
    return same != 0 ? a : m + std::log1p(std::exp(-std::fabs(a - b)));
  }
};
struct logaddexp2_op {
  template <typename T>
  T operator()(T a, T b) const {
    constexpr T inv_log2 = T(1.44269504088896340736);
    const T m = a > b ? a : b;
    const T same = std::fabs(a) == std::numeric_limits<T>::infinity() && a == b ? T(1) : T(0);
    return same != 0 ? a : m + std::log1p(std::exp2(-std::fabs(a - b))) * inv_log2;
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();
