// Accuracy of the approximations against libm in long double, over samples of every exponent and both signs.
#include "cpu/micro_ops.h"

#include <doctest/doctest.h>
#include <hwy/targets.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

using namespace flambeau;
using flambeau::cpu::micro_function;
using flambeau::cpu::MicroFunction;
using Wide = long double;

namespace {

template <typename T>
constexpr DType kDType = sizeof(T) == 4 ? DType::f32 : DType::f64;

// The distance in units of the last digit that T has at the exact value.
template <typename T>
double ulps(T got, Wide exact) {
  if (std::isnan(exact)) return std::isnan(got) ? 0 : 1e9;
  if (std::isnan(got)) return 1e9;
  const T rounded = static_cast<T>(exact);
  if (std::isinf(rounded) || std::isinf(got)) {
    if (got == rounded) return 0;
    // Next to the largest number, infinity is one step away.
    const T largest = std::numeric_limits<T>::max();
    return std::fabs(got) == largest || std::fabs(rounded) == largest ? 1 : 1e9;
  }
  int exponent;
  std::frexp(std::fabs(exact), &exponent);
  const int digits = std::numeric_limits<T>::digits, lowest = std::numeric_limits<T>::min_exponent;
  const Wide unit = std::ldexp(Wide(1), std::max(exponent, lowest) - digits);
  return static_cast<double>(std::fabs(static_cast<Wide>(got) - exact) / unit);
}

// Bit patterns of a float in even steps over all of them, and what matters most.
std::vector<float> samples() {
  std::vector<float> all = {0.0f,   -0.0f,   1.0f,    -1.0f,       0.5f,     -0.5f,     INFINITY, -INFINITY,
                            NAN,    1e-45f,  -1e-45f, 3.4e38f,     -3.4e38f, 88.722f,   88.723f,  89.0f,
                            -87.3f, -103.9f, -104.0f, 3.14159265f, 1e6f,     999999.9f, 1e9f};
  for (uint64_t bits = 0; bits < (1ull << 32); bits += 40009)
    all.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  for (int i = -40000; i < 40000; ++i) all.push_back(static_cast<float>(i) * 0.00025f * 1.0001f);
  return all;
}

using Unary = Wide (*)(Wide);
using Binary = Wide (*)(Wide, Wide);

template <typename T>
void check_unary(const char* name, MicroOp op, Unary exact, double limit) {
  const std::vector<float> in = samples();
  std::vector<T> a(in.begin(), in.end()), out(in.size());
  const MicroFunction function = micro_function(op, kDType<T>);
  REQUIRE((function != nullptr));
  // In blocks, as the evaluator calls it: one element out of range must not change its neighbours.
  for (size_t i = 0; i < a.size(); i += 1000) {
    const size_t n = std::min<size_t>(1000, a.size() - i);
    function(out.data() + i, a.data() + i, a.data() + i, a.data() + i, static_cast<int64_t>(n));
  }
  double worst = 0;
  T where = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double error = ulps<T>(out[i], exact(a[i]));
    if (error > worst) {
      worst = error;
      where = a[i];
    }
  }
  const std::string function_name = name;
  CAPTURE(function_name);
  CAPTURE(where);
  CHECK(worst <= limit);
  if (std::getenv("FLAMBEAU_SHOW_ULPS"))
    std::printf("%-8s %s %.2f at %.9g\n", name, sizeof(T) == 4 ? "f32" : "f64", worst, double(where));
}

// Zero where the exponential is infinite in T, as PyTorch's.
template <typename T>
Wide sigmoid(Wide x) {
  const Wide e = std::exp(-x);
  return std::isinf(static_cast<T>(e)) ? 0 : 1 / (1 + e);
}

// Runs `body` for every instruction set that was compiled and that this machine has.
template <typename Body>
void for_each_target(const Body& body) {
  for (int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1) {
    const std::string target = hwy::TargetName(left & -left);
    CAPTURE(target);
    hwy::SetSupportedTargetsForTest(left & -left);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

struct Row {
  const char* name;
  MicroOp op;
  Unary exact;
  double limit;
};

}  // namespace

TEST_CASE("float32 functions stay within a few units of the last digit") {
  const Row rows[] = {
      {"exp", MicroOp::exp_, [](Wide x) { return std::exp(x); }, 2},
      {"exp2", MicroOp::exp2_, [](Wide x) { return std::exp2(x); }, 1},
      {"expm1", MicroOp::expm1_, [](Wide x) { return std::expm1(x); }, 3},
      {"log", MicroOp::log_, [](Wide x) { return std::log(x); }, 2},
      {"log2", MicroOp::log2_, [](Wide x) { return std::log2(x); }, 1},
      {"log10", MicroOp::log10_, [](Wide x) { return std::log10(x); }, 1},
      {"log1p", MicroOp::log1p_, [](Wide x) { return std::log1p(x); }, 3},
      {"sin", MicroOp::sin_, [](Wide x) { return std::sin(x); }, 1},
      {"cos", MicroOp::cos_, [](Wide x) { return std::cos(x); }, 1},
      {"tan", MicroOp::tan_, [](Wide x) { return std::tan(x); }, 1},
      {"asin", MicroOp::asin_, [](Wide x) { return std::asin(x); }, 2},
      {"acos", MicroOp::acos_, [](Wide x) { return std::acos(x); }, 2},
      {"atan", MicroOp::atan_, [](Wide x) { return std::atan(x); }, 2},
      {"sinh", MicroOp::sinh_, [](Wide x) { return std::sinh(x); }, 1},
      {"cosh", MicroOp::cosh_, [](Wide x) { return std::cosh(x); }, 1},
      {"tanh", MicroOp::tanh_, [](Wide x) { return std::tanh(x); }, 4},
      {"asinh", MicroOp::asinh_, [](Wide x) { return std::asinh(x); }, 1},
      {"acosh", MicroOp::acosh_, [](Wide x) { return std::acosh(x); }, 1},
      {"atanh", MicroOp::atanh_, [](Wide x) { return std::atanh(x); }, 1},
      {"sigmoid", MicroOp::sigmoid_, sigmoid<float>, 3},
      {"erf", MicroOp::erf_, [](Wide x) { return std::erf(x); }, 3},
      {"erfc", MicroOp::erfc_, [](Wide x) { return std::erfc(x); }, 4},
      {"sqrt", MicroOp::sqrt_, [](Wide x) { return std::sqrt(x); }, 0.51},
      {"rsqrt", MicroOp::rsqrt_, [](Wide x) { return 1 / std::sqrt(x); }, 2},
  };
  for_each_target([&] {
    for (const Row& row : rows) check_unary<float>(row.name, row.op, row.exact, row.limit);
  });
}

TEST_CASE("float64 functions stay within a few units of the last digit") {
  const Row rows[] = {
      {"exp", MicroOp::exp_, [](Wide x) { return std::exp(x); }, 2},
      {"expm1", MicroOp::expm1_, [](Wide x) { return std::expm1(x); }, 4},
      {"log", MicroOp::log_, [](Wide x) { return std::log(x); }, 2},
      {"log1p", MicroOp::log1p_, [](Wide x) { return std::log1p(x); }, 3},
      {"tanh", MicroOp::tanh_, [](Wide x) { return std::tanh(x); }, 4},
      {"sigmoid", MicroOp::sigmoid_, sigmoid<double>, 3},
  };
  for_each_target([&] {
    for (const Row& row : rows) check_unary<double>(row.name, row.op, row.exact, row.limit);
  });
}

TEST_CASE("functions of two numbers") {
  const std::vector<float> in = samples();
  struct {
    const char* name;
    MicroOp op;
    Binary exact;
    double limit;
  } const rows[] = {
      {"pow", MicroOp::pow_, [](Wide a, Wide b) { return std::pow(a, b); }, 1},
      {"hypot", MicroOp::hypot_, [](Wide a, Wide b) { return std::hypot(a, b); }, 1},
      {"atan2", MicroOp::atan2_, [](Wide a, Wide b) { return std::atan2(a, b); }, 2},
  };
  const auto check = [&](const auto& row) {
    const MicroFunction function = micro_function(row.op, DType::f32);
    double worst = 0;
    float where[2] = {};
    for (const size_t step : {1u, 23u, 1009u, 52553u}) {
      std::vector<float> other(in.size()), out(in.size());
      for (size_t i = 0; i < in.size(); ++i) other[i] = in[(i * step + 7) % in.size()];
      function(out.data(), in.data(), other.data(), in.data(), static_cast<int64_t>(in.size()));
      for (size_t i = 0; i < in.size(); i += 3) {
        const double error = ulps<float>(out[i], row.exact(in[i], other[i]));
        if (error > worst) {
          worst = error;
          where[0] = in[i];
          where[1] = other[i];
        }
      }
    }
    const std::string name = row.name;
    CAPTURE(name);
    CAPTURE(where[0]);
    CAPTURE(where[1]);
    CHECK(worst <= row.limit);
    if (std::getenv("FLAMBEAU_SHOW_ULPS"))
      std::printf("%-8s f32 %.2f at %.9g, %.9g\n", row.name, worst, double(where[0]), double(where[1]));
  };
  for_each_target([&] {
    for (const auto& row : rows) check(row);
  });
}

TEST_CASE("powers whose results are numbers of ordinary size") {
  std::vector<float> base, exponent;
  std::vector<float> bits = samples();
  for (size_t i = 0; i < bits.size(); ++i) {
    const float x = std::fabs(bits[i]);
    if (!(x > 0) || std::isinf(x)) continue;
    // Results spread over all of the exponents of float32, and bases next to 1 with exponents as large as they need.
    base.push_back(x);
    exponent.push_back(static_cast<float>((static_cast<double>(i % 307) - 153) / std::log2(x)));
    base.push_back(1.0f +
                   static_cast<float>(static_cast<int>(i % 1999) - 999) * 1.2e-7f * static_cast<float>(1 + i % 7));
    exponent.push_back(static_cast<float>((static_cast<double>(i % 281) - 140) / std::log2(base.back())));
    base.push_back(x);
    exponent.push_back(2.5f);
  }
  std::vector<float> out(base.size());
  for_each_target([&] {
    micro_function(MicroOp::pow_, DType::f32)(out.data(), base.data(), exponent.data(), base.data(),
                                              static_cast<int64_t>(base.size()));
    double worst = 0;
    for (size_t i = 0; i < base.size(); ++i)
      worst =
          std::max(worst, ulps<float>(out[i], std::pow(static_cast<Wide>(base[i]), static_cast<Wide>(exponent[i]))));
    CHECK(worst <= 0.9);
    if (std::getenv("FLAMBEAU_SHOW_ULPS")) std::printf("%-8s f32 %.3f\n", "pow", worst);
  });
}

TEST_CASE("sines next to multiples of a quarter turn, where a float has few digits left of the difference") {
  std::vector<float> in;
  for (int k = -640000; k <= 640000; k += k > -3000 && k < 3000 ? 1 : 7) {
    float x = static_cast<float>(k * 1.5707963267948966);
    in.push_back(x);
    in.push_back(std::nextafter(x, 1e9f));
    in.push_back(std::nextafter(x, -1e9f));
  }
  std::vector<float> out(in.size());
  for_each_target([&] {
    for (const bool cosine : {false, true}) {
      micro_function(cosine ? MicroOp::cos_ : MicroOp::sin_, DType::f32)(out.data(), in.data(), in.data(), in.data(),
                                                                         static_cast<int64_t>(in.size()));
      double worst = 0;
      for (size_t i = 0; i < in.size(); ++i)
        worst = std::max(worst, ulps<float>(out[i], cosine ? std::cos(Wide(in[i])) : std::sin(Wide(in[i]))));
      CHECK(worst <= 1);
      if (std::getenv("FLAMBEAU_SHOW_ULPS")) std::printf("%-8s f32 %.3f\n", cosine ? "cos" : "sin", worst);
    }
  });
}

TEST_CASE("special powers are C's") {
  const float inf = INFINITY,
              values[] = {0.0f, -0.0f, 1.0f,        -1.0f,      2.0f,        -2.0f,  3.0f,    -3.0f, 0.5f,   -0.5f, inf,
                          -inf, NAN,   16777216.0f, 8388609.0f, -8388609.0f, 1e-45f, -1e-45f, 3e38f, -3e38f, 1e30f};
  // One by one, and side by side in vectors.
  std::vector<float> a, b;
  for (const float x : values)
    for (const float y : values) {
      a.push_back(x);
      b.push_back(y);
    }
  std::vector<float> together(a.size());
  for_each_target([&] {
    const MicroFunction power = micro_function(MicroOp::pow_, DType::f32);
    power(together.data(), a.data(), b.data(), a.data(), static_cast<int64_t>(a.size()));
    for (size_t i = 0; i < a.size(); ++i) {
      float alone;
      power(&alone, &a[i], &b[i], &a[i], 1);
      const float exact = std::pow(a[i], b[i]);
      CAPTURE(a[i]);
      CAPTURE(b[i]);
      for (const float out : {alone, together[i]}) {
        CHECK((std::isnan(exact) ? std::isnan(out) : out == exact));
        CHECK((std::isnan(exact) || std::signbit(out) == std::signbit(exact)));
      }
    }
  });
}

TEST_CASE("sin and tan keep the sign of zero") {
  for_each_target([&] {
    for (const MicroOp op : {MicroOp::sin_, MicroOp::tan_}) {
      const float in[] = {-0.0f, 0.0f};
      float out[2] = {1, 1};
      micro_function(op, DType::f32)(out, in, in, in, 2);
      CHECK(out[0] == 0);
      CHECK(std::signbit(out[0]));
      CHECK(out[1] == 0);
      CHECK_FALSE(std::signbit(out[1]));
    }
  });
}

TEST_CASE("integer division neither traps nor overflows") {
  const int32_t a[] = {7, -7, std::numeric_limits<int32_t>::min(), 5}, b[] = {-2, 2, -1, 0};
  int32_t out[4];
  const auto run = [&](MicroOp op) { micro_function(op, DType::i32)(out, a, b, a, 4); };
  run(MicroOp::floor_divide_);
  CHECK(out[0] == -4);
  CHECK(out[1] == -4);
  CHECK(out[2] == std::numeric_limits<int32_t>::min());
  run(MicroOp::remainder_);
  CHECK(out[0] == -1);
  CHECK(out[1] == 1);
  CHECK(out[2] == 0);
  run(MicroOp::fmod_);
  CHECK(out[0] == 1);
  CHECK(out[1] == -1);
  run(MicroOp::trunc_divide_);
  CHECK(out[0] == -3);
}

TEST_CASE("complex products are rounded each by itself, in vectors as one by one") {
  std::vector<complex64> a, b, c;
  for (int i = 0; i < 37; ++i) {
    a.emplace_back(0.1f * static_cast<float>(i) - 1.7f, 1.3f / static_cast<float>(i + 1));
    b.emplace_back(3.0f / static_cast<float>(i + 3), 0.7f - 0.3f * static_cast<float>(i));
    c.emplace_back(0.01f * static_cast<float>(i * i), -0.5f);
  }
  const auto n = static_cast<int64_t>(a.size());
  std::vector<complex64> out(a.size());
  for_each_target([&] {
    const auto run = [&](MicroOp op) { micro_function(op, DType::c64)(out.data(), a.data(), b.data(), c.data(), n); };
    const auto check = [&](auto expected) {
      for (size_t i = 0; i < a.size(); ++i) {
        CAPTURE(i);
        CHECK(out[i] == expected(i));
      }
    };
    // Parts in memory keep the compiler from joining a product and a sum.
    const auto product = [](complex64 x, complex64 y) {
      volatile float rr = x.real() * y.real(), ii = x.imag() * y.imag(), ri = x.real() * y.imag(),
                     ir = x.imag() * y.real();
      return complex64(rr - ii, ri + ir);
    };
    run(MicroOp::add_);
    check([&](size_t i) { return complex64(a[i].real() + b[i].real(), a[i].imag() + b[i].imag()); });
    run(MicroOp::sub_);
    check([&](size_t i) { return complex64(a[i].real() - b[i].real(), a[i].imag() - b[i].imag()); });
    run(MicroOp::neg_);
    check([&](size_t i) { return complex64(-a[i].real(), -a[i].imag()); });
    run(MicroOp::conj_);
    check([&](size_t i) { return std::conj(a[i]); });
    run(MicroOp::mul_);
    check([&](size_t i) { return product(a[i], b[i]); });
    run(MicroOp::mul_conj_);
    check([&](size_t i) { return product(a[i], std::conj(b[i])); });
    run(MicroOp::mul_add_);
    check([&](size_t i) {
      const complex64 z = product(a[i], b[i]);
      return complex64(z.real() + c[i].real(), z.imag() + c[i].imag());
    });
    micro_function(MicroOp::mul_conj_, DType::c64)(out.data(), a.data(), a.data(), a.data(), n);
    for (const complex64 z : out) CHECK(z.imag() == 0);
  });
}
