// The elementwise evaluator against a loop over indices, for operands in any order of dimensions.
#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <vector>

#include "call_writer.h"
#include "cpu/blocks.h"
#include "flambeau/micro_ops.gen.h"
#include "layouts.h"

using namespace flambeau;
using namespace flambeau::test;

namespace {

// What each compute type takes and gives without loss, as far as small whole numbers go.
struct Computed {
  DType compute;
  std::vector<DType> stored;
};
const Computed kComputed[] = {
    {DType::f32, {DType::f32, DType::f32, DType::f16, DType::bf16, DType::boolean, DType::i64}},
    {DType::f64, {DType::f64, DType::f64, DType::f32}},
    {DType::i32, {DType::i32, DType::i8, DType::u8, DType::i16, DType::boolean}},
    {DType::i64, {DType::i64, DType::i64, DType::i32}},
    {DType::c64, {DType::c64, DType::c64, DType::f32}},
    {DType::c128, {DType::c128, DType::c128, DType::c64}},
};

// A step of a program, by the numbers of its registers.
struct Step {
  MicroOp op;
  int a, b;
};
struct Case {
  int n_in;
  std::vector<Step> code;
  std::vector<int> results;
};
// Registers: inputs, the constant 2, steps.
const Case kPrograms[] = {
    {1, {{MicroOp::mul_, 0, 1}}, {2}},
    {2, {{MicroOp::add_, 0, 1}}, {3}},
    {2, {{MicroOp::mul_, 1, 0}, {MicroOp::add_, 3, 2}}, {4}},
    {3, {{MicroOp::add_, 0, 1}, {MicroOp::mul_, 4, 2}, {MicroOp::add_, 5, 3}}, {6, 4}},
};

std::vector<int64_t> shape_of(Rng& rng) {
  switch (pick(rng, 0, 7)) {
    case 0:  // rows of a few elements
      return {pick(rng, 1, 3), pick(rng, 300, 900), pick(rng, 2, 5)};
    case 1:
      return {pick(rng, 2, 5), pick(rng, 300, 900)};
    case 2:  // around the sizes of tiles
      return {pick(rng, 60, 70), pick(rng, 120, 140), pick(rng, 1, 3)};
    case 3:
      return {pick(rng, 2, 9), pick(rng, 60, 260), pick(rng, 60, 260)};
    default:
      return random_shape(rng);
  }
}

struct Operand {
  DType dtype;
  Layout layout;
  std::shared_ptr<Memory> memory;

  Operand(Rng& rng, DType type, const std::vector<int64_t>& shape, bool source)
      : dtype(type),
        layout(test::layout(rng, shape, source)),
        memory(std::make_shared<Memory>(cpu_backend(), size_t(layout.extent) * size_of(type))) {
    visit_stored_dtype(dtype, [&]<typename T>() {
      for (int64_t i = 0; i < layout.extent; ++i) memory->as<T>()[i] = cpu::convert<T>(double(pick(rng, 0, 5)));
    });
  }
  size_t nbytes() const { return size_t(layout.extent) * size_of(dtype); }
  double value(const std::vector<int64_t>& index) const {
    double v = 0;
    visit_stored_dtype(dtype, [&]<typename T>() { v = cpu::convert<double>(memory->as<T>()[at(layout, index)]); });
    return v;
  }
};

}  // namespace

TEST_CASE("elementwise: operands of any strides and dtypes, in place too") {
  Rng rng(4);
  for (int round = 0; round < 600; ++round) {
    const Computed& computed = kComputed[pick(rng, 0, 5)];
    const Case& program = kPrograms[pick(rng, 0, 3)];
    const std::vector<int64_t> shape = shape_of(rng);
    const auto dtype = [&] { return computed.stored[size_t(pick(rng, 0, int(computed.stored.size()) - 1))]; };
    std::vector<Operand> outs, ins;
    for (size_t k = 0; k < program.results.size(); ++k) outs.emplace_back(rng, dtype(), shape, false);
    const bool in_place = outs.size() == 1 && pick(rng, 0, 3) == 0;
    for (int k = 0; k < program.n_in; ++k)
      if (in_place && k == 0)
        ins.push_back(outs[0]);
      else
        ins.emplace_back(rng, dtype(), shape, true);

    std::vector<std::vector<char>> expected;
    for (const Operand& out : outs)
      expected.emplace_back(out.memory->as<char>(), out.memory->as<char>() + out.nbytes());
    each(shape, [&](const std::vector<int64_t>& index) {
      std::vector<double> registers;
      for (const Operand& in : ins) registers.push_back(in.value(index));
      registers.push_back(2);
      for (const Step& s : program.code) {
        const double a = registers[size_t(s.a)], b = registers[size_t(s.b)];
        registers.push_back(s.op == MicroOp::add_ ? a + b : a * b);
      }
      for (size_t k = 0; k < outs.size(); ++k)
        visit_stored_dtype(outs[k].dtype, [&]<typename T>() {
          const T value = cpu::convert<T>(registers[size_t(program.results[k])]);
          std::memcpy(expected[k].data() + size_t(at(outs[k].layout, index)) * sizeof(T), &value, sizeof(T));
        });
    });

    CallWriter call;
    const auto list = [&](const std::vector<Operand>& operands) {
      call.number(double(operands.size()));
      for (const Operand& o : operands) call.tensor(o.memory->get(), o.dtype, shape, o.layout.strides, o.layout.offset);
    };
    list(outs);
    list(ins);
    call.number(1).real(2);
    call.number(double(4 * program.code.size()));
    for (const Step& s : program.code) call.number(double(s.op)).number(s.a).number(s.b).number(0);
    call.number(double(program.results.size()));
    for (const int r : program.results) call.number(r);
    call.number(double(computed.compute));
    REQUIRE(call.submit(cpu_backend(), Kernel::elementwise).ok());
    CAPTURE(round);
    for (size_t k = 0; k < outs.size(); ++k)
      REQUIRE(std::memcmp(expected[k].data(), outs[k].memory->as<char>(), expected[k].size()) == 0);
  }
}
