#include "vector_program.h"

#include <bit>
#include <cmath>
#include <limits>

namespace flambeau::cpu {
namespace {

using Operand = VectorOperand;

// Each op in vector instructions, with the results of micro_ops-inl.h and micro_math-inl.h, bit for bit.
class Builder {
 public:
  Builder(const ChainProgram& chain, bool keep) : chain_(chain), keep_(keep) { out_.f32 = chain.compute == DType::f32; }

  VectorProgram build() {
    const size_t n = chain_.values.size();
    held_.resize(n);
    masks_.resize(n);
    reads_.resize(n);
    for (const ChainProgram::Value& v : chain_.values)
      if (v.kind == ChainProgram::Kind::computed)
        for (int k = 0; k < kMicroArity[static_cast<int>(v.op)]; ++k) ++reads_[v.operands[k]];
    for (const ChainProgram::Fold& f : chain_.folds) ++reads_[f.value];
    for (size_t k = 0; k < n; ++k) {
      const ChainProgram::Value& v = chain_.values[k];
      switch (v.kind) {
        case ChainProgram::Kind::moving:
          held_[k] = {Operand::Kind::moving, v.stream};
          break;
        case ChainProgram::Kind::repeated:
          held_[k] = {Operand::Kind::repeated, v.stream};
          break;
        case ChainProgram::Kind::constant:
          held_[k] = number(v.constant);
          break;
        case ChainProgram::Kind::computed:
          held_[k] = compute(v, static_cast<int>(k));
          if (v.stream >= 0) store(held_[k], v.stream, v.is_result ? VectorCode::result : VectorCode::store);
      }
      for (size_t f = 0; f < chain_.folds.size(); ++f)
        if (chain_.folds[f].value == static_cast<int>(k)) fold(held(static_cast<int>(k)), static_cast<int>(f));
    }
    drop_unread();
    return std::move(out_);
  }

 private:
  Operand emit(VectorCode code, Operand a, Operand b = {}, Operand c = {}, int immediate = 0) {
    out_.code.push_back({code, out_.values, {a, b, c}, immediate});
    return {Operand::Kind::value, out_.values++};
  }
  Operand in_register(Operand a) { return a.in_memory() ? emit(VectorCode::load, a) : a; }
  // Only the second operand may lie in memory.
  Operand binary(VectorCode code, Operand a, Operand b) { return emit(code, in_register(a), b); }
  Operand commutative(VectorCode code, Operand a, Operand b) {
    return a.in_memory() && b.is_value() ? emit(code, b, a) : binary(code, a, b);
  }
  Operand bits(uint64_t value) {
    for (size_t k = 0; k < out_.pool.size(); ++k)
      if (out_.pool[k] == value) return {Operand::Kind::pool, static_cast<int>(k)};
    out_.pool.push_back(value);
    return {Operand::Kind::pool, static_cast<int>(out_.pool.size() - 1)};
  }
  Operand bits32(uint32_t value) { return bits(uint64_t{value} << 32 | value); }
  Operand number(double value) {
    return out_.f32 ? bits32(std::bit_cast<uint32_t>(static_cast<float>(value))) : bits(std::bit_cast<uint64_t>(value));
  }
  Operand sign_bit() { return out_.f32 ? bits32(0x80000000u) : bits(uint64_t{1} << 63); }
  Operand without_sign() { return out_.f32 ? bits32(0x7fffffffu) : bits(~uint64_t{0} >> 1); }

  Operand add(Operand a, Operand b) { return commutative(VectorCode::add, a, b); }
  Operand sub(Operand a, Operand b) { return binary(VectorCode::sub, a, b); }
  Operand mul(Operand a, Operand b) { return commutative(VectorCode::mul, a, b); }
  Operand div(Operand a, Operand b) { return binary(VectorCode::div, a, b); }
  Operand sqrt(Operand a) { return emit(VectorCode::sqrt, a); }
  Operand abs(Operand a) { return commutative(VectorCode::bit_and, a, without_sign()); }
  Operand compare(Comparison how, Operand a, Operand b) {
    return emit(VectorCode::compare, in_register(a), b, {}, static_cast<int>(how));
  }
  Operand blend(Operand otherwise, Operand chosen, Operand mask) {
    return emit(VectorCode::blend, in_register(otherwise), chosen, mask);
  }
  Operand mul_add(Operand a, Operand b, Operand c) {
    if (a.in_memory()) std::swap(a, b);
    return emit(VectorCode::mul_add, in_register(a), b, b.in_memory() ? in_register(c) : c);
  }
  Operand shift(VectorCode code, Operand a, int n) { return emit(code, a, {}, {}, n); }
  void store(Operand a, int stream, VectorCode code = VectorCode::store) {
    out_.code.push_back({code, -1, {in_register(a), {}, {}}, stream});
  }
  void fold(Operand a, int f) {
    if (keep_) return store(a, chain_.folds[f].stream);
    const ReduceKind kind = chain_.folds[f].kind;
    a = kind == ReduceKind::abs_sum ? abs(a) : in_register(a);
    out_.code.push_back({VectorCode::add_up, -1, {a, {}, {}}, f});
  }
  // One or zero; the mask is at hand for those that select by it.
  Operand truth(Operand mask, int k) {
    masks_[k] = mask;
    return commutative(VectorCode::bit_and, mask, number(1));
  }
  Operand truth(Comparison how, Operand a, Operand b, int k) { return truth(compare(how, a, b), k); }
  Operand is_zero(int k) { return compare(Comparison::eq, held(k), number(0)); }
  // What is read several times is loaded the first time.
  Operand held(int k) {
    if (held_[k].kind == Operand::Kind::moving && reads_[k] > 1) held_[k] = in_register(held_[k]);
    return held_[k];
  }

  Operand compute(const ChainProgram::Value& v, int k) {
    const int arity = kMicroArity[static_cast<int>(v.op)];
    const Operand a = held(v.operands[0]), b = arity > 1 ? held(v.operands[1]) : a;
    const Operand c = arity > 2 ? held(v.operands[2]) : a;
    switch (v.op) {
      case MicroOp::add_:
        return add(a, b);
      case MicroOp::sub_:
        return sub(a, b);
      case MicroOp::mul_:
        return mul(a, b);
      case MicroOp::mul_add_:
        return mul_add(a, b, c);
      case MicroOp::div_:
        return div(a, b);
      case MicroOp::conj_:
        return a;
      case MicroOp::neg_:
        return commutative(VectorCode::bit_xor, a, sign_bit());
      case MicroOp::abs_:
        return abs(a);
      case MicroOp::sign_:
      case MicroOp::sgn_: {
        const Operand x = in_register(a), one = number(1);
        const Operand above = compare(Comparison::lt, number(0), x), below = compare(Comparison::lt, x, number(0));
        return sub(commutative(VectorCode::bit_and, above, one), commutative(VectorCode::bit_and, below, one));
      }
      case MicroOp::square_: {
        const Operand x = in_register(a);
        return mul(x, x);
      }
      case MicroOp::reciprocal_:
        return div(number(1), a);
      case MicroOp::sqrt_:
        return sqrt(a);
      case MicroOp::rsqrt_:
        return div(number(1), sqrt(a));
      case MicroOp::relu_: {
        const Operand x = in_register(a);
        return emit(VectorCode::bit_and, compare(Comparison::nle, x, number(0)), x);
      }
      case MicroOp::maximum_:
      case MicroOp::minimum_: {
        const Operand x = in_register(a);
        const Operand m = emit(v.op == MicroOp::maximum_ ? VectorCode::max : VectorCode::min, x, b);
        return blend(m, x, compare(Comparison::unordered, x, x));
      }
      case MicroOp::fmax_:
      case MicroOp::fmin_: {
        const Operand x = in_register(a), y = in_register(b);
        const Operand m = emit(v.op == MicroOp::fmax_ ? VectorCode::max : VectorCode::min, x, y);
        return blend(m, x, compare(Comparison::unordered, y, y));
      }
      case MicroOp::copysign_:
        return emit(VectorCode::bit_or, commutative(VectorCode::bit_and, a, without_sign()),
                    commutative(VectorCode::bit_and, b, sign_bit()));
      case MicroOp::eq_:
        return truth(Comparison::eq, a, b, k);
      case MicroOp::ne_:
        return truth(Comparison::ne, a, b, k);
      case MicroOp::lt_:
        return truth(Comparison::lt, a, b, k);
      case MicroOp::le_:
        return truth(Comparison::le, a, b, k);
      case MicroOp::gt_:
        return truth(Comparison::lt, b, a, k);
      case MicroOp::ge_:
        return truth(Comparison::le, b, a, k);
      case MicroOp::logical_and_: {
        const Operand none = emit(VectorCode::bit_or, is_zero(v.operands[0]), is_zero(v.operands[1]));
        return emit(VectorCode::bit_andnot, none, number(1));
      }
      case MicroOp::logical_or_: {
        const Operand none = emit(VectorCode::bit_and, is_zero(v.operands[0]), is_zero(v.operands[1]));
        return emit(VectorCode::bit_andnot, none, number(1));
      }
      case MicroOp::logical_not_:
        return truth(is_zero(v.operands[0]), k);
      case MicroOp::isnan_: {
        const Operand x = in_register(a);
        return truth(Comparison::unordered, x, x, k);
      }
      case MicroOp::where_:
        if (const Operand mask = masks_[v.operands[0]]; mask.is_value()) return blend(c, b, mask);
        return blend(b, c, is_zero(v.operands[0]));
      case MicroOp::clamp_:
        return clamp(v, a, b, c);
      case MicroOp::exp_:
        return exp(a);
      case MicroOp::log_:
        return log(in_register(a));
      case MicroOp::tanh_: {
        const Operand x = in_register(a), bounded = emit(VectorCode::min, in_register(number(10)), abs(x));
        const Operand e = expm1(add(bounded, bounded));
        const Operand y = div(e, add(e, number(2)));
        return emit(VectorCode::bit_or, commutative(VectorCode::bit_and, y, without_sign()),
                    commutative(VectorCode::bit_and, x, sign_bit()));
      }
      case MicroOp::sigmoid_: {
        const Operand e = exp_above(commutative(VectorCode::bit_xor, a, sign_bit()));
        return div(number(1), add(e, number(1)));
      }
      case MicroOp::silu_: {
        const Operand x = in_register(a);
        return div(x, add(exp_above(commutative(VectorCode::bit_xor, x, sign_bit())), number(1)));
      }
      default:
        return {};
    }
  }

  Operand clamp(const ChainProgram::Value& v, Operand a, Operand low, Operand high) {
    const auto may_be_nan = [&](int k) {
      const ChainProgram::Value& bound = chain_.values[v.operands[k]];
      return bound.kind != ChainProgram::Kind::constant || std::isnan(bound.constant);
    };
    Operand result = binary(VectorCode::min, high, binary(VectorCode::max, low, in_register(a)));
    for (const int k : {1, 2})
      if (may_be_nan(k)) {
        const Operand bound = in_register(k == 1 ? low : high);
        result = blend(result, number(std::numeric_limits<double>::quiet_NaN()),
                       compare(Comparison::unordered, bound, bound));
      }
    return result;
  }

  // (1 + q)·2^n, of floats.
  struct Reduced {
    Operand q, n;
  };
  Operand limited(Operand x, float low, float high) {
    const Operand above = emit(VectorCode::max, in_register(number(low)), in_register(x));
    return emit(VectorCode::min, in_register(number(high)), above);
  }
  Reduced reduce_exp(Operand x) {
    const Operand magic = number(12582912.0f);
    const Operand t = mul_add(x, number(1.44269504088896341f), magic);
    const Operand k = sub(t, magic);
    const Operand r = mul_add(k, number(2.12194440e-4f), mul_add(k, number(-0.693359375f), x));
    Operand p = in_register(number(1.9875691500e-4f));
    for (const float coefficient :
         {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f})
      p = mul_add(p, r, number(coefficient));
    return {mul_add(p, mul(r, r), r), emit(VectorCode::int_sub, t, magic)};
  }
  Operand power_of_two(Operand n) {
    return shift(VectorCode::shift_left, emit(VectorCode::int_add, n, bits32(127)), 23);
  }
  Operand exp(Operand x) {
    const auto [q, n] = reduce_exp(limited(x, -104, 89));
    const Operand half = shift(VectorCode::shift_right, n, 1);
    return mul(mul(add(q, number(1)), power_of_two(half)), power_of_two(emit(VectorCode::int_sub, n, half)));
  }
  // In one step, where a result below 1e-37 may be as large as that.
  Operand exp_above(Operand x) {
    const auto [q, n] = reduce_exp(limited(x, -86, 89));
    return mul(mul(add(q, number(1)), power_of_two(emit(VectorCode::int_sub, n, bits32(1)))), number(2));
  }
  // From 0 to 20.
  Operand expm1(Operand x) {
    const auto [q, n] = reduce_exp(x);
    const Operand s = power_of_two(emit(VectorCode::int_sub, n, bits32(1)));
    const Operand result = mul(mul_add(s, q, sub(s, number(0.5f))), number(2));
    return blend(result, x, compare(Comparison::lt, x, number(1e-8f)));
  }
  Operand log(Operand x) {
    const Operand tiny = compare(Comparison::lt, x, number(1.17549435e-38f));
    const Operand scaled = blend(x, mul(x, number(8388608.0f)), tiny);
    const Operand root = bits32(0x3f3504f3u);
    const Operand offset = emit(VectorCode::int_sub, scaled, root);
    const Operand e = emit(VectorCode::int_sub, shift(VectorCode::shift_right, offset, 23),
                           commutative(VectorCode::bit_and, tiny, bits32(23)));
    const Operand fraction =
        emit(VectorCode::int_add, commutative(VectorCode::bit_and, offset, bits32(0x007fffffu)), root);
    const Operand z = sub(fraction, number(1)), k = emit(VectorCode::to_float, e), s = mul(z, z);
    Operand p = in_register(number(7.0376836292e-2f));
    for (const float coefficient : {-1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f,
                                    -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f})
      p = mul_add(p, z, number(coefficient));
    p = mul_add(mul(p, z), s, mul_add(k, number(-2.12194440e-4f), mul(s, number(-0.5f))));
    Operand result = mul_add(k, number(0.693359375f), add(z, p));
    const Operand infinity = number(std::numeric_limits<double>::infinity());
    result = blend(x, result, compare(Comparison::lt, x, infinity));
    result = blend(result, number(-std::numeric_limits<double>::infinity()), compare(Comparison::eq, x, number(0)));
    return blend(result, number(std::numeric_limits<double>::quiet_NaN()), compare(Comparison::lt, x, number(0)));
  }

  void drop_unread() {
    std::vector<bool> read(out_.values);
    std::vector<VectorInstruction> kept;
    for (auto i = out_.code.rbegin(); i != out_.code.rend(); ++i) {
      if (i->result >= 0 && !read[i->result]) continue;
      for (const Operand& o : i->operands)
        if (o.is_value()) read[o.index] = true;
      kept.push_back(*i);
    }
    out_.code.assign(kept.rbegin(), kept.rend());
  }

  const ChainProgram& chain_;
  const bool keep_;
  VectorProgram out_;
  std::vector<Operand> held_, masks_;
  std::vector<int> reads_;
};

}  // namespace

bool is_vector_op(MicroOp op, DType compute) {
  switch (op) {
    case MicroOp::add_:
    case MicroOp::sub_:
    case MicroOp::mul_:
    case MicroOp::mul_add_:
    case MicroOp::div_:
    case MicroOp::conj_:
    case MicroOp::neg_:
    case MicroOp::abs_:
    case MicroOp::sign_:
    case MicroOp::sgn_:
    case MicroOp::square_:
    case MicroOp::reciprocal_:
    case MicroOp::sqrt_:
    case MicroOp::rsqrt_:
    case MicroOp::relu_:
    case MicroOp::maximum_:
    case MicroOp::minimum_:
    case MicroOp::fmax_:
    case MicroOp::fmin_:
    case MicroOp::copysign_:
    case MicroOp::eq_:
    case MicroOp::ne_:
    case MicroOp::lt_:
    case MicroOp::le_:
    case MicroOp::gt_:
    case MicroOp::ge_:
    case MicroOp::logical_and_:
    case MicroOp::logical_or_:
    case MicroOp::logical_not_:
    case MicroOp::isnan_:
    case MicroOp::where_:
    case MicroOp::clamp_:
      return compute == DType::f32 || compute == DType::f64;
    case MicroOp::exp_:
    case MicroOp::log_:
    case MicroOp::tanh_:
    case MicroOp::sigmoid_:
    case MicroOp::silu_:
      return compute == DType::f32;
    default:
      return false;
  }
}

VectorProgram vector_program(const ChainProgram& chain, bool keep) { return Builder(chain, keep).build(); }

}  // namespace flambeau::cpu
