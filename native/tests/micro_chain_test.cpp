// Links of chains against the micro-ops that they stand for, bit for bit, in every form and for every ISA at hand.
#include "cpu/micro_chain.h"

#include <doctest/doctest.h>
#include <hwy/targets.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "cpu/micro_ops.h"

using namespace flambeau;
using flambeau::cpu::chain_function;
using flambeau::cpu::chain_runner;
using flambeau::cpu::ChainLink;
using flambeau::cpu::ChainRunner;

namespace {

template <typename T>
std::vector<T> specials() {
  using Limits = std::numeric_limits<T>;
  return {T(0),
          T(-0.0),
          T(1),
          T(-1),
          T(0.5),
          T(-0.5),
          T(2.5),
          T(-2.5),
          T(1e9),
          T(1e-9),
          T(-3),
          Limits::max(),
          Limits::lowest(),
          Limits::denorm_min(),
          T(16777217.5),
          T(0.1),
          T(-0.7),
          Limits::infinity(),
          -Limits::infinity(),
          Limits::quiet_NaN()};
}

template <typename T>
bool same(T a, T b) {
  return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof(T)) == 0;
}

template <typename T>
void check(DType dtype) {
  const ChainRunner runner = chain_runner(dtype);
  const std::vector<T> values = specials<T>();
  const size_t count = values.size(), step = static_cast<size_t>(runner.step);
  const size_t n = (count * count * count + step - 1) / step * step;
  std::vector<T> operands[3];
  for (size_t i = 0; i < n; ++i) {
    operands[0].push_back(values[i % count]);
    operands[1].push_back(values[i / count % count]);
    operands[2].push_back(values[i / count / count % count]);
  }
  int checked = 0;
  for (int o = 0; o < kNumMicroOps; ++o) {
    const auto op = static_cast<MicroOp>(o);
    for (int held = 0; held < cpu::kChainForms; ++held) {
      const cpu::ChainFunction function = chain_function(op, dtype, held);
      if (!function) continue;
      // Two changes of sign put an operand into the registers as it is.
      const int first = held == 0 ? 0 : held == 3 ? 0 : held >> 1;
      const auto at = [](const std::vector<T>& v) { return reinterpret_cast<const char*>(v.data()); };
      constexpr uint64_t kMoves = ~uint64_t{0};
      std::vector<T> result(n), expected(n);
      ChainLink links[] = {
          {chain_function(MicroOp::neg_, dtype, 0), {at(operands[first])}, {kMoves}, nullptr, 0},
          {chain_function(MicroOp::neg_, dtype, 1), {}, {}, nullptr, 0},
          {function,
           {at(operands[0]), at(operands[held == 3 ? 0 : 1]), at(operands[2])},
           {kMoves, kMoves, kMoves},
           reinterpret_cast<char*>(result.data()),
           kMoves},
          {runner.end, {}, {}, nullptr, 0},
      };
      runner.run(links, 0, static_cast<int64_t>(n * sizeof(T)));
      cpu::micro_function(op, dtype)(expected.data(), operands[0].data(), operands[held == 3 ? 0 : 1].data(),
                                     operands[2].data(), static_cast<int64_t>(n));
      size_t wrong = n;
      for (size_t i = n; i-- > 0;)
        if (!same(result[i], expected[i])) wrong = i;
      CAPTURE(o);
      CAPTURE(held);
      if (wrong < n) {
        CAPTURE(operands[0][wrong]);
        CAPTURE(operands[1][wrong]);
        CAPTURE(operands[2][wrong]);
        CHECK(result[wrong] == expected[wrong]);
      }
      CHECK(wrong == n);
      ++checked;
    }
  }
  CHECK(checked > 80);
}

}  // namespace

TEST_CASE("links of a chain give what the micro-ops give") {
  for (int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1) {
    const std::string target = hwy::TargetName(left & -left);
    CAPTURE(target);
    hwy::SetSupportedTargetsForTest(left & -left);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    check<float>(DType::f32);
    check<double>(DType::f64);
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

TEST_CASE("a chain keeps what does not move, and stores on the way") {
  const ChainRunner runner = chain_runner(DType::f32);
  const auto step = static_cast<size_t>(runner.step);
  std::vector<float> x(3 * step), half(step, 0.5f), between(step), y(3 * step);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  const auto at = [](std::vector<float>& v) { return reinterpret_cast<char*>(v.data()); };
  constexpr uint64_t kMoves = ~uint64_t{0};
  const ChainLink links[] = {
      {chain_function(MicroOp::mul_, DType::f32, 0), {at(x), at(half)}, {kMoves, 0}, at(between), 0},
      {chain_function(MicroOp::square_, DType::f32, 1), {}, {}, nullptr, 0},
      {chain_function(MicroOp::sub_, DType::f32, 2), {at(between)}, {0}, at(y), kMoves},
      {runner.end, {}, {}, nullptr, 0},
  };
  runner.run(links, 0, static_cast<int64_t>(x.size() * sizeof(float)));
  for (size_t i = 0; i < x.size(); ++i) CHECK(y[i] == x[i] * 0.5f - x[i] * 0.5f * (x[i] * 0.5f));
}
