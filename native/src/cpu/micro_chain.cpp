#include "micro_chain.h"

#include <limits>

#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/micro_chain.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <typename T>
using Tag = hn::ScalableTag<T>;
template <typename T>
using Vec = hn::Vec<Tag<T>>;

// Where a NaN is on either side, values are not equal; hn::Ne of some ISAs says otherwise.
template <class V>
HWY_INLINE auto differ(V a, V b) {
  return hn::Not(hn::Eq(a, b));
}

// The greater one, the lesser one; the second where neither is, or one is NaN, as the instructions of x86 have it.
template <class V>
HWY_INLINE V greater(V a, V b) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR
  return hn::Max(a, b);
#else
  return hn::IfThenElse(hn::Gt(a, b), a, b);
#endif
}
template <class V>
HWY_INLINE V lesser(V a, V b) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR
  return hn::Min(a, b);
#else
  return hn::IfThenElse(hn::Lt(a, b), a, b);
#endif
}

// Each gives what the struct of the same name in micro_ops-inl.h gives.
#define UNARY(name, expression)                                \
  struct name##_link {                                         \
    template <class D, class V>                                \
    HWY_INLINE V operator()([[maybe_unused]] D d, V a) const { \
      return expression;                                       \
    }                                                          \
  };
#define BINARY(name, expression)                                    \
  struct name##_link {                                              \
    template <class D, class V>                                     \
    HWY_INLINE V operator()([[maybe_unused]] D d, V a, V b) const { \
      return expression;                                            \
    }                                                               \
  };
#define TERNARY(name, expression)                                        \
  struct name##_link {                                                   \
    template <class D, class V>                                          \
    HWY_INLINE V operator()([[maybe_unused]] D d, V a, V b, V c) const { \
      return expression;                                                 \
    }                                                                    \
  };
#define ONE hn::Set(d, hn::TFromD<D>(1))
#define ZERO hn::Zero(d)

BINARY(add, hn::Add(a, b))
BINARY(sub, hn::Sub(a, b))
BINARY(mul, hn::Mul(a, b))
BINARY(div, hn::Div(a, b))
UNARY(conj, a)
UNARY(neg, hn::Neg(a))
UNARY(abs, hn::Abs(a))
UNARY(sign, hn::Sub(hn::IfThenElseZero(hn::Gt(a, ZERO), ONE), hn::IfThenElseZero(hn::Lt(a, ZERO), ONE)))
UNARY(square, hn::Mul(a, a))
UNARY(reciprocal, hn::Div(ONE, a))
UNARY(sqrt, hn::Sqrt(a))
UNARY(rsqrt, hn::Div(ONE, hn::Sqrt(a)))
UNARY(relu, hn::IfThenElse(hn::Le(a, ZERO), ZERO, a))
BINARY(maximum, hn::IfThenElse(differ(a, a), a, greater(a, b)))
BINARY(minimum, hn::IfThenElse(differ(a, a), a, lesser(a, b)))
BINARY(fmax, hn::IfThenElse(differ(b, b), a, greater(a, b)))
BINARY(fmin, hn::IfThenElse(differ(b, b), a, lesser(a, b)))
BINARY(copysign, hn::CopySign(a, b))
BINARY(eq, hn::IfThenElseZero(hn::Eq(a, b), ONE))
BINARY(ne, hn::IfThenZeroElse(hn::Eq(a, b), ONE))
BINARY(lt, hn::IfThenElseZero(hn::Lt(a, b), ONE))
BINARY(le, hn::IfThenElseZero(hn::Le(a, b), ONE))
BINARY(gt, hn::IfThenElseZero(hn::Gt(a, b), ONE))
BINARY(ge, hn::IfThenElseZero(hn::Ge(a, b), ONE))
BINARY(logical_and, hn::IfThenZeroElse(hn::Or(hn::Eq(a, ZERO), hn::Eq(b, ZERO)), ONE))
BINARY(logical_or, hn::IfThenZeroElse(hn::And(hn::Eq(a, ZERO), hn::Eq(b, ZERO)), ONE))
UNARY(logical_not, hn::IfThenElseZero(hn::Eq(a, ZERO), ONE))
UNARY(isnan, hn::IfThenZeroElse(hn::Eq(a, a), ONE))
TERNARY(mul_add, hn::MulAdd(a, b, c))
TERNARY(where, hn::IfThenElse(hn::Eq(a, ZERO), c, b))
// The value between two bounds, of which the upper one wins; NaN in either passes.
struct clamp_link {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V low, V high) const {
    const V raised = hn::IfThenElse(hn::Gt(low, a), low, a);
    const V result = hn::IfThenElse(hn::Lt(high, raised), high, raised);
    const V nan = hn::Set(d, std::numeric_limits<hn::TFromD<D>>::quiet_NaN());
    return hn::IfThenElse(hn::And(hn::Eq(low, low), hn::Eq(high, high)), result, nan);
  }
};

// Eight vectors, which the x86 and ARM conventions pass in registers.
template <typename T>
using LinkFunction = void (*)(const ChainLink*, size_t, Vec<T>, Vec<T>, Vec<T>, Vec<T>, Vec<T>, Vec<T>, Vec<T>, Vec<T>);
constexpr size_t kVectors = 8;

template <class Op, typename T, int kArity, int kHeld>
struct Operands {
  const T* from[3];
  HWY_INLINE Operands(const ChainLink* link, size_t at) {
    for (int k = 0; k < kArity; ++k) from[k] = reinterpret_cast<const T*>(link->operands[k] + (at & link->moves[k]));
  }
  template <int k>
  HWY_INLINE Vec<T> read(Vec<T> held, size_t offset) const {
    if constexpr (kHeld >> k & 1)
      return held;
    else
      return hn::LoadU(Tag<T>(), from[k] + offset);
  }
  HWY_INLINE Vec<T> operator()(Vec<T> held, size_t index) const {
    const Tag<T> d;
    const size_t offset = index * hn::Lanes(d);
    if constexpr (kArity == 1) return Op()(d, read<0>(held, offset));
    if constexpr (kArity == 2) return Op()(d, read<0>(held, offset), read<1>(held, offset));
    if constexpr (kArity == 3) return Op()(d, read<0>(held, offset), read<1>(held, offset), read<2>(held, offset));
  }
};

// The last call is a jump with the vectors where they are.
template <class Op, typename T, int kArity, int kHeld>
void link(const ChainLink* link, size_t at, Vec<T> v0, Vec<T> v1, Vec<T> v2, Vec<T> v3, Vec<T> v4, Vec<T> v5, Vec<T> v6,
          Vec<T> v7) {
  const Tag<T> d;
  const Operands<Op, T, kArity, kHeld> compute(link, at);
  v0 = compute(v0, 0);
  v1 = compute(v1, 1);
  v2 = compute(v2, 2);
  v3 = compute(v3, 3);
  v4 = compute(v4, 4);
  v5 = compute(v5, 5);
  v6 = compute(v6, 6);
  v7 = compute(v7, 7);
  if (link->result) {
    T* to = reinterpret_cast<T*>(link->result + (at & link->result_moves));
    const size_t lanes = hn::Lanes(d);
    hn::StoreU(v0, d, to);
    hn::StoreU(v1, d, to + lanes);
    hn::StoreU(v2, d, to + 2 * lanes);
    hn::StoreU(v3, d, to + 3 * lanes);
    hn::StoreU(v4, d, to + 4 * lanes);
    hn::StoreU(v5, d, to + 5 * lanes);
    hn::StoreU(v6, d, to + 6 * lanes);
    hn::StoreU(v7, d, to + 7 * lanes);
  }
  return reinterpret_cast<LinkFunction<T>>(link[1].function)(link + 1, at, v0, v1, v2, v3, v4, v5, v6, v7);
}

template <ReduceKind kKind, typename T>
HWY_INLINE void fold_vector(Vec<T>& into, Vec<T> v) {
  if constexpr (kKind == ReduceKind::abs_sum) v = hn::Abs(v);
  into = kKind == ReduceKind::square_sum ? hn::MulAdd(v, v, into) : hn::Add(into, v);
}

template <ReduceKind kKind, typename T, int kHeld>
void fold(const ChainLink* link, size_t at, Vec<T> v0, Vec<T> v1, Vec<T> v2, Vec<T> v3, Vec<T> v4, Vec<T> v5, Vec<T> v6,
          Vec<T> v7) {
  const Tag<T> d;
  const Operands<conj_link, T, 1, kHeld> x(link, at);
  T* sums = reinterpret_cast<T*>(link->result);
  const size_t lanes = hn::Lanes(d);
  Vec<T> a = hn::LoadU(d, sums), b = hn::LoadU(d, sums + lanes), c = hn::LoadU(d, sums + 2 * lanes),
         e = hn::LoadU(d, sums + 3 * lanes);
  fold_vector<kKind, T>(a, x(v0, 0));
  fold_vector<kKind, T>(b, x(v1, 1));
  fold_vector<kKind, T>(c, x(v2, 2));
  fold_vector<kKind, T>(e, x(v3, 3));
  fold_vector<kKind, T>(a, x(v4, 4));
  fold_vector<kKind, T>(b, x(v5, 5));
  fold_vector<kKind, T>(c, x(v6, 6));
  fold_vector<kKind, T>(e, x(v7, 7));
  hn::StoreU(a, d, sums);
  hn::StoreU(b, d, sums + lanes);
  hn::StoreU(c, d, sums + 2 * lanes);
  hn::StoreU(e, d, sums + 3 * lanes);
  return reinterpret_cast<LinkFunction<T>>(link[1].function)(link + 1, at, v0, v1, v2, v3, v4, v5, v6, v7);
}

template <typename T>
void end(const ChainLink*, size_t, Vec<T>, Vec<T>, Vec<T>, Vec<T>, Vec<T>, Vec<T>, Vec<T>, Vec<T>) {}

template <typename T>
void run(const ChainLink* links, int64_t begin, int64_t end) {
  const Tag<T> d;
  const Vec<T> v = hn::Zero(d);
  const auto first = reinterpret_cast<LinkFunction<T>>(links->function);
  const auto last = static_cast<size_t>(end), step = kVectors * hn::Lanes(d) * sizeof(T);
  for (auto at = static_cast<size_t>(begin); at < last; at += step) first(links, at, v, v, v, v, v, v, v, v);
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  _mm256_zeroupper();  // the compiler leaves it to functions that take no vectors
#endif
}

struct Links {
  ChainFunction f32[kNumMicroOps][kChainForms]{}, f64[kNumMicroOps][kChainForms]{};

  template <class Op, typename T, int kArity, int kHeld>
  static ChainFunction erased() {
    return reinterpret_cast<ChainFunction>(static_cast<LinkFunction<T>>(link<Op, T, kArity, kHeld>));
  }
  template <class Op, int kArity, int kHeld>
  void set(MicroOp op) {
    f32[static_cast<int>(op)][kHeld] = erased<Op, float, kArity, kHeld>();
#if HWY_HAVE_FLOAT64
    f64[static_cast<int>(op)][kHeld] = erased<Op, double, kArity, kHeld>();
#endif
  }
  template <class Op>
  void unary(MicroOp op) {
    set<Op, 1, 0>(op);
    set<Op, 1, 1>(op);
  }
  template <class Op>
  void binary(MicroOp op) {
    set<Op, 2, 0>(op);
    set<Op, 2, 1>(op);
    set<Op, 2, 2>(op);
    set<Op, 2, 3>(op);
  }
  template <class Op>
  void ternary(MicroOp op) {
    set<Op, 3, 0>(op);
    set<Op, 3, 1>(op);
    set<Op, 3, 2>(op);
    set<Op, 3, 4>(op);
  }

  Links() {
#define X(name) binary<name##_link>(MicroOp::name##_)
    X(add);
    X(sub);
    X(mul);
    X(div);
    X(maximum);
    X(minimum);
    X(fmax);
    X(fmin);
    X(copysign);
    X(eq);
    X(ne);
    X(lt);
    X(le);
    X(gt);
    X(ge);
    X(logical_and);
    X(logical_or);
#undef X
#define X(name) unary<name##_link>(MicroOp::name##_)
    X(neg);
    X(abs);
    X(sign);
    X(square);
    X(reciprocal);
    X(sqrt);
    X(rsqrt);
    X(relu);
    X(logical_not);
    X(isnan);
#undef X
    unary<conj_link>(MicroOp::conj_);
    unary<sign_link>(MicroOp::sgn_);
    ternary<mul_add_link>(MicroOp::mul_add_);
    ternary<where_link>(MicroOp::where_);
    ternary<clamp_link>(MicroOp::clamp_);
  }
};

ChainFunction find_link(int op, int compute, int held) {
  static const Links links;
  return (static_cast<DType>(compute) == DType::f32 ? links.f32 : links.f64)[op][held];
}

template <ReduceKind kKind, typename T>
ChainFunction fold_of(int held) {
  return reinterpret_cast<ChainFunction>(static_cast<LinkFunction<T>>(held ? fold<kKind, T, 1> : fold<kKind, T, 0>));
}
template <typename T>
ChainFunction fold_kind(ReduceKind kind, int held) {
  switch (kind) {
    case ReduceKind::sum:
      return fold_of<ReduceKind::sum, T>(held);
    case ReduceKind::square_sum:
      return fold_of<ReduceKind::square_sum, T>(held);
    case ReduceKind::abs_sum:
      return fold_of<ReduceKind::abs_sum, T>(held);
    default:
      return nullptr;
  }
}
ChainFunction find_fold(ReduceKind kind, int compute, int held) {
#if HWY_HAVE_FLOAT64
  if (static_cast<DType>(compute) == DType::f64) return fold_kind<double>(kind, held);
#endif
  return fold_kind<float>(kind, held);
}

template <typename T>
ChainRunner runner_of() {
  return {run<T>, reinterpret_cast<ChainFunction>(static_cast<LinkFunction<T>>(end<T>)),
          static_cast<int64_t>(kVectors * hn::Lanes(Tag<T>()))};
}
ChainRunner find_runner(int compute) {
#if HWY_HAVE_FLOAT64
  if (static_cast<DType>(compute) == DType::f64) return runner_of<double>();
#endif
  return runner_of<float>();
}

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(find_link);
HWY_EXPORT(find_fold);
HWY_EXPORT(find_runner);

ChainFunction chain_function(MicroOp op, DType compute, int held) {
  if (static_cast<int>(op) < 0 || op >= MicroOp::count || held < 0 || held >= kChainForms) return nullptr;
  if (compute != DType::f32 && compute != DType::f64) return nullptr;
  return HWY_DYNAMIC_DISPATCH(find_link)(static_cast<int>(op), static_cast<int>(compute), held);
}
ChainFunction chain_fold(ReduceKind kind, DType compute, int held) {
  if (compute != DType::f32 && compute != DType::f64) return nullptr;
  return HWY_DYNAMIC_DISPATCH(find_fold)(kind, static_cast<int>(compute), held);
}
ChainRunner chain_runner(DType compute) { return HWY_DYNAMIC_DISPATCH(find_runner)(static_cast<int>(compute)); }

}  // namespace flambeau::cpu
#endif
