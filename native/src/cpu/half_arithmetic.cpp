#include "half_arithmetic.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/half_arithmetic.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "half_vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {

template <HalfOp kOp, typename V>
HWY_INLINE V arithmetic(V a, V b) {
  if constexpr (kOp == HalfOp::add) return hn::Add(a, b);
  if constexpr (kOp == HalfOp::sub) return hn::Sub(a, b);
  if constexpr (kOp == HalfOp::mul) return hn::Mul(a, b);
  if constexpr (kOp == HalfOp::div) return hn::Div(a, b);
}

template <HalfOp kOp, typename Half>
void run_arithmetic(Half* dst, const Half* a, const Half* b, int64_t n) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(kF32));
  int64_t i = 0;
  if constexpr (kFloat16Vectors || std::is_same_v<Half, bfloat16>)
    for (; i + lanes <= n; i += lanes) store_vector(dst + i, arithmetic<kOp>(load_vector(a + i), load_vector(b + i)));
  for (; i < n; ++i) {
    const float x = static_cast<float>(a[i]), y = static_cast<float>(b[i]);
    dst[i] = Half(kOp == HalfOp::add ? x + y : kOp == HalfOp::sub ? x - y : kOp == HalfOp::mul ? x * y : x / y);
  }
}

template <typename Half>
void arithmetic_of(HalfOp op, Half* dst, const Half* a, const Half* b, int64_t n) {
  switch (op) {
    case HalfOp::add:
      return run_arithmetic<HalfOp::add>(dst, a, b, n);
    case HalfOp::sub:
      return run_arithmetic<HalfOp::sub>(dst, a, b, n);
    case HalfOp::mul:
      return run_arithmetic<HalfOp::mul>(dst, a, b, n);
    case HalfOp::div:
      return run_arithmetic<HalfOp::div>(dst, a, b, n);
  }
}
void arithmetic_f16(HalfOp op, float16* dst, const float16* a, const float16* b, int64_t n) {
  arithmetic_of(op, dst, a, b, n);
}
void arithmetic_bf16(HalfOp op, bfloat16* dst, const bfloat16* a, const bfloat16* b, int64_t n) {
  arithmetic_of(op, dst, a, b, n);
}

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(arithmetic_f16);
HWY_EXPORT(arithmetic_bf16);

void half_arithmetic(HalfOp op, float16* dst, const float16* a, const float16* b, int64_t n) {
  HWY_DYNAMIC_DISPATCH(arithmetic_f16)(op, dst, a, b, n);
}
void half_arithmetic(HalfOp op, bfloat16* dst, const bfloat16* a, const bfloat16* b, int64_t n) {
  HWY_DYNAMIC_DISPATCH(arithmetic_bf16)(op, dst, a, b, n);
}

}  // namespace flambeau::cpu
#endif
