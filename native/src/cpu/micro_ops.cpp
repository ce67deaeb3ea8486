#include "micro_ops.h"

#include <cmath>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/micro_ops.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "micro_ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {

// Integers wrap: arithmetic on them is done unsigned, where C++ defines overflow.
template <typename Op, typename T, int kArity>
void loop(void* dst_, const void* a_, const void* b_, const void* c_, int64_t n) {
  auto* dst = static_cast<T*>(dst_);
  const auto* a = static_cast<const T*>(a_);
  [[maybe_unused]] const auto* b = static_cast<const T*>(b_);
  [[maybe_unused]] const auto* c = static_cast<const T*>(c_);
  const Op op{};
  if constexpr (requires { op.run(dst, a, n); }) {
    op.run(dst, a, n);
  } else if constexpr (requires { op.run(dst, a, b, n); }) {
    op.run(dst, a, b, n);
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) {
      if constexpr (kArity == 0) dst[i] = op(T{});
      if constexpr (kArity == 1) dst[i] = op(a[i]);
      if constexpr (kArity == 2) dst[i] = op(a[i], b[i]);
      if constexpr (kArity == 3) dst[i] = op(a[i], b[i], c[i]);
    }
  }
}

struct Table {
  MicroFunction f32[kNumMicroOps]{}, f64[kNumMicroOps]{}, i32[kNumMicroOps]{}, i64[kNumMicroOps]{},
      c64[kNumMicroOps]{}, c128[kNumMicroOps]{};
  Table() {
#define X(name, arity)                                                    \
  f32[static_cast<int>(MicroOp::name##_)] = loop<name##_op, float, arity>; \
  f64[static_cast<int>(MicroOp::name##_)] = loop<name##_op, double, arity>;
    FLAMBEAU_MICRO_OPS_FLOAT(X)
#undef X
#define X(name, arity)                                                      \
  i32[static_cast<int>(MicroOp::name##_)] = loop<name##_op, int32_t, arity>; \
  i64[static_cast<int>(MicroOp::name##_)] = loop<name##_op, int64_t, arity>;
    FLAMBEAU_MICRO_OPS_INT(X)
#undef X
#define X(name, arity)                                                        \
  c64[static_cast<int>(MicroOp::name##_)] = loop<name##_op, complex64, arity>; \
  c128[static_cast<int>(MicroOp::name##_)] = loop<name##_op, complex128, arity>;
    FLAMBEAU_MICRO_OPS_COMPLEX(X)
#undef X
  }
};

MicroFunction find(int op, int compute) {
  static const Table table;
  switch (static_cast<DType>(compute)) {
    case DType::f32: return table.f32[op];
    case DType::f64: return table.f64[op];
    case DType::i32: return table.i32[op];
    case DType::i64: return table.i64[op];
    case DType::c64: return table.c64[op];
    case DType::c128: return table.c128[op];
    default: return nullptr;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(find);

MicroFunction micro_function(MicroOp op, DType compute) {
  return HWY_DYNAMIC_DISPATCH(find)(static_cast<int>(op), static_cast<int>(compute));
}

}  // namespace flambeau::cpu
#endif
