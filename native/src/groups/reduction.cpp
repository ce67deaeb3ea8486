#include "groups/reduction.h"

#include <algorithm>
#include <type_traits>

// One source for each instruction set, chosen when the library is loaded. The sanitizers start too late for that.
#if defined(__x86_64__) && defined(__ELF__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define FLAMBEAU_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FLAMBEAU_CLONES
#endif

namespace flambeau::distributed {
namespace {

template <typename T>
constexpr bool is_16_bit_float = std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>;
template <typename T>
constexpr bool is_complex_type = std::is_same_v<T, complex64> || std::is_same_v<T, complex128>;

// Integers wrap around as two's complement does, which only unsigned arithmetic promises.
template <typename T>
auto wide(T value) {
  if constexpr (is_16_bit_float<T>)
    return static_cast<float>(value);
  else if constexpr (std::is_same_v<T, bool>)
    return value;
  else if constexpr (std::is_integral_v<T>)
    return static_cast<uint64_t>(value);
  else
    return value;
}

template <ReduceOp op, typename T>
T combined(T a, T b) {
  if constexpr (op == ReduceOp::sum || op == ReduceOp::avg) {
    if constexpr (std::is_same_v<T, bool>)
      return a || b;
    else
      return static_cast<T>(wide(a) + wide(b));
  } else if constexpr (op == ReduceOp::product) {
    if constexpr (std::is_same_v<T, bool>)
      return a && b;
    else
      return static_cast<T>(wide(a) * wide(b));
  } else if constexpr (op == ReduceOp::min || op == ReduceOp::max) {
    // A NaN on any rank is one in the result.
    if constexpr (is_16_bit_float<T>) {
      const float x = a, y = b;
      const bool first = op == ReduceOp::min ? x < y : x > y;
      return first || x != x ? a : b;
    } else {
      const bool first = op == ReduceOp::min ? a < b : a > b;
      return first || a != a ? a : b;
    }
  } else if constexpr (op == ReduceOp::band) {
    return static_cast<T>(a & b);
  } else if constexpr (op == ReduceOp::bor) {
    return static_cast<T>(a | b);
  } else {
    return static_cast<T>(a ^ b);
  }
}

template <ReduceOp op, typename T>
FLAMBEAU_CLONES void combine(void* out, const void* a, const void* b, size_t count) {
  T* o = static_cast<T*>(out);
  const T *x = static_cast<const T*>(a), *y = static_cast<const T*>(b);
  // Neighbours never depend on each other, whichever of the inputs the result replaces.
#pragma GCC ivdep
  for (size_t i = 0; i < count; ++i) o[i] = combined<op>(x[i], y[i]);
}

template <ReduceOp op>
Combine for_dtype(DType dtype) {
  return visit_dtype(dtype, []<typename T>() -> Combine {
    constexpr bool ordered = op == ReduceOp::min || op == ReduceOp::max;
    constexpr bool bits = op == ReduceOp::band || op == ReduceOp::bor || op == ReduceOp::bxor;
    if constexpr ((ordered && is_complex_type<T>) || (bits && !std::is_integral_v<T>))
      return nullptr;
    else
      return combine<op, T>;
  });
}

template <typename T>
FLAMBEAU_CLONES void scaled(T* data, double factor, size_t count) {
  if constexpr (is_16_bit_float<T>) {
    const float by = static_cast<float>(factor);
    for (size_t i = 0; i < count; ++i) data[i] = T(static_cast<float>(data[i]) * by);
  } else if constexpr (is_complex_type<T>) {
    using Part = typename T::value_type;
    Part* parts = reinterpret_cast<Part*>(data);
    const Part by = static_cast<Part>(factor);
    for (size_t i = 0; i < 2 * count; ++i) parts[i] *= by;
  } else {
    const T by = static_cast<T>(factor);
    for (size_t i = 0; i < count; ++i) data[i] *= by;
  }
}

}  // namespace

Combine combine_of(ReduceOp op, DType dtype) {
  switch (op) {
    case ReduceOp::sum:
    case ReduceOp::avg:
      return for_dtype<ReduceOp::sum>(dtype);
    case ReduceOp::product:
      return for_dtype<ReduceOp::product>(dtype);
    case ReduceOp::min:
      return for_dtype<ReduceOp::min>(dtype);
    case ReduceOp::max:
      return for_dtype<ReduceOp::max>(dtype);
    case ReduceOp::band:
      return for_dtype<ReduceOp::band>(dtype);
    case ReduceOp::bor:
      return for_dtype<ReduceOp::bor>(dtype);
    case ReduceOp::bxor:
      return for_dtype<ReduceOp::bxor>(dtype);
  }
  return nullptr;
}

bool scale(DType dtype, void* data, double factor, size_t count) {
  return visit_dtype(dtype, [&]<typename T>() {
    if constexpr (std::is_integral_v<T>)
      return false;
    else {
      scaled(static_cast<T*>(data), factor, count);
      return true;
    }
  });
}

}  // namespace flambeau::distributed
