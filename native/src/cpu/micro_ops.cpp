#include "micro_ops.h"

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

// Three levels on x86 (baseline, AVX2, AVX-512) keep compile time and size down; elsewhere the compiler's default.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/micro_ops.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "micro_ops-inl.h"
#include "micro_math-inl.h"
#include "vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {

// A block-wise `run` is there where a loop over operator() is not the fastest. Bit k of kRepeated is set where operand
// k is one number.
template <typename Op, typename T, int kArity, int kRepeated = 0>
void loop(void* dst_, const void* a_, const void* b_, const void* c_, int64_t n) {
  auto* dst = static_cast<T*>(dst_);
  const auto* a = static_cast<const T*>(a_);
  const auto* b = static_cast<const T*>(b_);
  const auto* c = static_cast<const T*>(c_);
  const Op op{};
  if constexpr (requires { op.run(dst, a, n); }) {
    op.run(dst, a, n);
  } else if constexpr (requires { op.run(dst, a, b, n); }) {
    op.run(dst, a, b, n);
  } else {
    [[maybe_unused]] const T a0 = kRepeated & 1 ? a[0] : T(0), b0 = kRepeated & 2 ? b[0] : T(0),
                             c0 = kRepeated & 4 ? c[0] : T(0);
    const auto element = [=](int64_t i) HWY_ATTR {
      const T x = kRepeated & 1 ? a0 : a[i];
      if constexpr (kArity == 1) return op(x);
      if constexpr (kArity == 2) return op(x, kRepeated & 2 ? b0 : b[i]);
      if constexpr (kArity == 3) return op(x, kRepeated & 2 ? b0 : b[i], kRepeated & 4 ? c0 : c[i]);
    };
    int64_t i = 0;
    // In place, the processor does not always read ahead by itself: a sum of a million floats then takes half as long
    // again. Elsewhere asking brings nothing.
    if (kArity > 1 && (dst == a || dst == b || dst == c)) {
      constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T)), kStep = 4 * kLine, kAhead = 16 * kLine;
      for (; i + kStep <= n; i += kStep) {
        for (int64_t ahead = i + kAhead; ahead < i + kAhead + kStep; ahead += kLine) {
          if constexpr (!(kRepeated & 1)) __builtin_prefetch(a + ahead);
          if constexpr (kArity >= 2 && !(kRepeated & 2)) __builtin_prefetch(b + ahead);
          if constexpr (kArity == 3 && !(kRepeated & 4)) __builtin_prefetch(c + ahead);
        }
#pragma GCC ivdep
        for (int64_t j = i; j < i + kStep; ++j) dst[j] = element(j);
      }
    }
#pragma GCC ivdep
    for (; i < n; ++i) dst[i] = element(i);
  }
}

struct Table {
  MicroFunction f32[kNumMicroOps]{}, f64[kNumMicroOps]{}, i32[kNumMicroOps]{}, i64[kNumMicroOps]{};
  Table() {
#define X(name, arity)                                                     \
  f32[static_cast<int>(MicroOp::name##_)] = loop<name##_op, float, arity>; \
  f64[static_cast<int>(MicroOp::name##_)] = loop<name##_op, double, arity>;
    FLAMBEAU_MICRO_OPS_FLOAT(X)
#undef X
#define X(name, arity)                                                       \
  i32[static_cast<int>(MicroOp::name##_)] = loop<name##_op, int32_t, arity>; \
  i64[static_cast<int>(MicroOp::name##_)] = loop<name##_op, int64_t, arity>;
    FLAMBEAU_MICRO_OPS_INT(X)
#undef X
  }
};

// Of float32, what reads memory about as fast as it computes.
MicroFunction find_repeating(MicroOp op, int repeated) {
  switch (op) {
#define X(name)                                           \
  case MicroOp::name##_:                                  \
    return repeated == 1   ? loop<name##_op, float, 2, 1> \
           : repeated == 2 ? loop<name##_op, float, 2, 2> \
                           : static_cast<MicroFunction>(nullptr);
    X(add)
    X(sub)
    X(mul)
    X(div)
    X(maximum)
    X(minimum)
    X(lt)
    X(le)
    X(gt)
    X(ge)
#undef X
    case MicroOp::mul_add_:
      return repeated == 2 ? loop<mul_add_op, float, 3, 2> : nullptr;
    case MicroOp::clamp_:
      return repeated == 6 ? loop<clamp_op, float, 3, 6> : nullptr;
    default:
      return nullptr;
  }
}

MicroFunction find(int op, int compute) {
  static const Table table;
  switch (static_cast<DType>(compute)) {
    case DType::f32:
      return table.f32[op];
    case DType::f64:
      return table.f64[op];
    case DType::i32:
      return table.i32[op];
    case DType::i64:
      return table.i64[op];
    default:
      return nullptr;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(find);
HWY_EXPORT(find_repeating);

MicroFunction micro_function(MicroOp op, DType compute) {
  if (static_cast<int>(op) < 0 || op >= MicroOp::count) return nullptr;
  const MicroFunction function = compute == DType::c64 || compute == DType::c128
                                     ? complex_micro_function(op, compute)
                                     : HWY_DYNAMIC_DISPATCH(find)(static_cast<int>(op), static_cast<int>(compute));
  return function ? function : scalar_micro_function(op, compute);
}

MicroFunction repeating_micro_function(MicroOp op, DType compute, int repeated) {
  return compute == DType::f32 ? HWY_DYNAMIC_DISPATCH(find_repeating)(op, repeated) : nullptr;
}

}  // namespace flambeau::cpu
#endif
