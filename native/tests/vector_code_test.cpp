// Machine code of chains against the micro-ops that it stands for, bit for bit.
#include "cpu/vector_code.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "cpu/micro_ops.h"

using namespace flambeau;
using flambeau::cpu::chain_code;
using flambeau::cpu::ChainProgram;
using Kind = ChainProgram::Kind;
using Value = ChainProgram::Value;

namespace {

template <typename T>
const std::vector<T>& specials() {
  using Limits = std::numeric_limits<T>;
  static const std::vector<T> list = {T(0),
                                      T(-0.0),
                                      T(1),
                                      T(-1),
                                      T(0.5),
                                      T(-3),
                                      T(2.5e-9),
                                      T(-0.7),
                                      T(1e9),
                                      T(-88.5),
                                      T(88.9),
                                      T(-103.7),
                                      T(10.3),
                                      T(-4.7),
                                      Limits::max(),
                                      Limits::lowest(),
                                      Limits::denorm_min(),
                                      Limits::min() / 3,
                                      T(16777217.5),
                                      T(0.1),
                                      T(1.41421356),
                                      Limits::infinity(),
                                      -Limits::infinity(),
                                      Limits::quiet_NaN()};
  return list;
}

template <typename T>
constexpr DType kDType = sizeof(T) == 4 ? DType::f32 : DType::f64;

template <typename T>
bool same(T a, T b) {
  return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof(T)) == 0;
}

// A chain whose inputs are streams 0 to inputs - 1, beside what it should give.
template <typename T>
struct Chain {
  ChainProgram program;
  std::vector<std::vector<T>> values;  // of each value of the program
  std::vector<std::vector<T>> written;
  size_t n;

  explicit Chain(size_t n) : n(n) { program.compute = kDType<T>; }

  int input(std::vector<T> x) {
    Value v;
    v.kind = Kind::moving;
    return add(v, std::move(x));
  }
  int repeated(T x) {
    Value v;
    v.kind = Kind::repeated;
    return add(v, std::vector<T>(n, x));
  }
  int constant(T x) {
    Value v;
    v.kind = Kind::constant;
    v.constant = x;
    program.values.push_back(v);
    values.emplace_back(n, x);
    return last();
  }
  int compute(MicroOp op, int a, int b, int c, bool writes) {
    Value v;
    v.op = op;
    const int operands[] = {a, b, c};
    std::copy(operands, operands + 3, v.operands);
    v.is_result = writes;
    if (writes) v.stream = program.streams++;
    program.values.push_back(v);
    std::vector<T> x(n);
    cpu::micro_function(op, kDType<T>)(x.data(), values[a].data(), values[b].data(), values[c].data(),
                                       static_cast<int64_t>(n));
    values.push_back(std::move(x));
    return last();
  }
  int last() const { return static_cast<int>(values.size()) - 1; }

  // False where there is no code for it.
  bool check() {
    const auto code = chain_code(program);
    if (!code) return false;
    std::vector<std::vector<T>> memory(program.streams, std::vector<T>(n));
    std::vector<const char*> streams;
    for (size_t k = 0; k < values.size(); ++k)
      if (const Value& v = program.values[k]; v.stream >= 0 && v.kind != Kind::computed) memory[v.stream] = values[k];
    for (const auto& m : memory) streams.push_back(reinterpret_cast<const char*>(m.data()));
    code->run(streams.data(), 0, static_cast<int64_t>(n * sizeof(T)));
    for (size_t k = 0; k < values.size(); ++k) {
      const Value& v = program.values[k];
      if (v.stream < 0 || v.kind != Kind::computed) continue;
      size_t wrong = 0;
      while (wrong < n && same(memory[v.stream][wrong], values[k][wrong])) ++wrong;
      CAPTURE(k);
      CAPTURE(static_cast<int>(v.op));
      if (wrong < n) {
        for (const int o : v.operands) {
          const T operand = values[o][wrong];
          CAPTURE(operand);
        }
        CHECK(memory[v.stream][wrong] == values[k][wrong]);
      }
      CHECK(wrong == n);
    }
    for (const auto& fold : program.folds) check_fold(fold, memory[fold.stream]);
    check_past(*code, memory);
    return true;
  }

 private:
  int add(Value v, std::vector<T> x) {
    v.stream = program.streams++;
    program.values.push_back(v);
    values.push_back(std::move(x));
    return last();
  }
  // The same again, past the caches.
  void check_past(const cpu::ChainCode& code, const std::vector<std::vector<T>>& expected) {
    struct alignas(cpu::ChainCode::kVector) Line {
      char bytes[cpu::ChainCode::kVector];
    };
    const size_t nbytes = n * sizeof(T);
    std::vector<std::vector<Line>> memory;
    std::vector<const char*> streams;
    for (const auto& m : expected) {
      memory.emplace_back(nbytes / sizeof(Line));
      std::memcpy(memory.back().data(), m.data(), nbytes);
      streams.push_back(memory.back().data()->bytes);
    }
    for (const Value& v : program.values)
      if (v.kind == Kind::computed && v.stream >= 0) std::memset(memory[v.stream].data()->bytes, 1, nbytes);
    code.past(streams.data(), 0, static_cast<int64_t>(nbytes));
    for (size_t s = 0; s < memory.size(); ++s) CHECK(std::memcmp(memory[s].data(), expected[s].data(), nbytes) == 0);
  }
  void check_fold(const ChainProgram::Fold& fold, const std::vector<T>& got) {
    constexpr size_t kLanes = cpu::ChainCode::kVector / sizeof(T), kAll = 4 * kLanes;
    T sums[kAll] = {};
    for (size_t i = 0; i < n; ++i) {
      const T x = values[fold.value][i];
      T& sum = sums[i < n / kAll * kAll ? i % kAll : i % kLanes];
      sum = fold.kind == cpu::ReduceKind::square_sum ? std::fma(x, x, sum)
            : fold.kind == cpu::ReduceKind::abs_sum  ? sum + std::fabs(x)
                                                     : sum + x;
    }
    for (size_t k = 0; k < kAll; ++k) CHECK(same(got[k], sums[k]));
  }
};

template <typename T>
void check_ops() {
  const std::vector<T>& list = specials<T>();
  const size_t count = list.size(), n = count * count * count;
  std::vector<T> operands[3];
  for (size_t i = 0; i < n; ++i) {
    operands[0].push_back(list[i % count]);
    operands[1].push_back(list[i / count % count]);
    operands[2].push_back(list[i / count / count]);
  }
  int checked = 0;
  for (int o = 0; o < kNumMicroOps; ++o) {
    const auto op = static_cast<MicroOp>(o);
    if (!cpu::is_vector_op(op, kDType<T>)) continue;
    CAPTURE(o);
    // From memory, from registers, and one operand several times.
    for (const bool computed : {false, true})
      for (const bool once : {false, true}) {
        Chain<T> chain(n);
        int at[3];
        for (int k = 0; k < 3; ++k) {
          at[k] = once && k > 0 ? at[0] : chain.input(operands[k]);
          if (computed && !(once && k > 0)) at[k] = chain.compute(MicroOp::neg_, at[k], at[k], at[k], false);
        }
        chain.compute(op, at[0], at[1], at[2], true);
        CHECK(chain.check());
      }
    // With what stays the same, in each place.
    for (int place = 0; place < kMicroArity[o]; ++place)
      for (const T value : list)
        for (const bool constant : {false, true}) {
          Chain<T> chain(count * count);
          int at[3];
          for (int k = 0; k < 3; ++k)
            at[k] = k == place ? (constant ? chain.constant(value) : chain.repeated(value))
                               : chain.input(std::vector<T>(operands[k].begin(), operands[k].begin() + chain.n));
          chain.compute(op, at[0], at[1], at[2], true);
          CHECK(chain.check());
        }
    ++checked;
  }
  CHECK(checked >= 30);
}

template <typename T>
void check_random() {
  std::mt19937 random(7);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  std::vector<MicroOp> ops;
  for (int o = 0; o < kNumMicroOps; ++o)
    // The sign of a NaN is nobody's.
    if (const auto op = static_cast<MicroOp>(o); cpu::is_vector_op(op, kDType<T>) && op != MicroOp::copysign_)
      ops.push_back(op);
  int fitted = 0;
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    Chain<T> chain(static_cast<size_t>(8 * (1 + below(40))));
    for (int k = 1 + below(4); k > 0; --k) {
      std::vector<T> x(chain.n);
      for (T& v : x) v = below(4) ? T(below(2000) - 1000) / T(97) : specials<T>()[below(23)];
      chain.input(std::move(x));
    }
    for (int k = below(3); k > 0; --k) chain.constant(T(below(20) - 10) / T(4));
    for (int k = below(3); k > 0; --k) chain.repeated(T(below(20) - 10) / T(4));
    const int inputs = chain.last() + 1;
    for (int k = 1 + below(round % 10 == 0 ? 60 : 14); k > 0; --k) {
      // Mostly what was computed last.
      const auto operand = [&] { return below(2) ? std::max(0, chain.last() - below(3)) : below(chain.last() + 1); };
      const bool writes = chain.program.streams < cpu::kMaxStreams - 2 && (k == 1 || below(6) == 0);
      chain.compute(ops[below(static_cast<int>(ops.size()))], operand(), operand(), operand(), writes);
    }
    const cpu::ReduceKind kinds[] = {cpu::ReduceKind::sum, cpu::ReduceKind::square_sum, cpu::ReduceKind::abs_sum};
    for (int k = below(3); k > 0; --k) {
      const int value = inputs + below(chain.last() + 1 - inputs);
      chain.program.folds.push_back({value, kinds[below(3)], chain.program.streams++});
    }
    // Sums take 32 places.
    if (!chain.program.folds.empty() && chain.n < 32) continue;
    fitted += chain.check();
  }
  CHECK(fitted > 200);
}

}  // namespace

TEST_CASE("machine code of an instruction gives what the micro-op gives" *
          doctest::skip(!flambeau::cpu::has_chain_code())) {
  check_ops<float>();
  check_ops<double>();
}

TEST_CASE("machine code of random chains gives what the micro-ops give" *
          doctest::skip(!flambeau::cpu::has_chain_code())) {
  check_random<float>();
  check_random<double>();
}

TEST_CASE("chains that need more registers than there are have no machine code" *
          doctest::skip(!flambeau::cpu::has_chain_code())) {
  Chain<float> chain(64);
  const int x = chain.input(std::vector<float>(64, 0.5f));
  std::vector<int> waiting;
  for (int k = 0; k < 20; ++k) waiting.push_back(chain.compute(MicroOp::sqrt_, k == 0 ? x : chain.last(), x, x, false));
  int sum = waiting.front();
  for (const int v : waiting) sum = chain.compute(MicroOp::add_, sum, v, v, v == waiting.back());
  CHECK_FALSE(chain.check());
}
