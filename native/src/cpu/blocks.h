// Loading strided elements of any dtype into a contiguous block of a compute type, and storing them back.
#pragma once
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "flambeau/dtype.h"
#include "half_blocks.h"

namespace flambeau::cpu {

// Elements of a block: registers of a few operands stay in the L1 cache.
inline constexpr int64_t kBlock = 1024;

// The type in which elementwise arithmetic on a dtype is done.
template <typename T>
using ComputeType = std::conditional_t<std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>, float,
                                       std::conditional_t<std::is_integral_v<T> && (sizeof(T) < 4), int32_t, T>>;

template <typename T>
inline constexpr bool kIsComplex = std::is_same_v<T, complex64> || std::is_same_v<T, complex128>;
template <typename T>
inline constexpr bool kIsHalf = std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>;

// Conversion with the result that x86 gives where C++ leaves it undefined: out of range and NaN become the minimum.
template <typename To, typename From>
inline To convert(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (std::is_same_v<From, complex32>) {
    return convert<To>(static_cast<complex64>(value));
  } else if constexpr (std::is_same_v<To, complex32>) {
    return To(convert<complex64>(value));
  } else if constexpr (kIsComplex<To>) {
    using R = typename To::value_type;
    if constexpr (kIsComplex<From>)
      return To(static_cast<R>(value.real()), static_cast<R>(value.imag()));
    else
      return To(convert<R>(value), R(0));
  } else if constexpr (kIsComplex<From>) {
    if constexpr (std::is_same_v<To, bool>)
      return value.real() != 0 || value.imag() != 0;
    else
      return convert<To>(value.real());
  } else if constexpr (kIsHalf<From>) {
    return convert<To>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else if constexpr (kIsHalf<To>) {
    return To(static_cast<float>(value));
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    // Through a wide integer first, as PyTorch's compiled casts do; then wrap.
    using Wide = std::conditional_t<sizeof(To) == 8, int64_t, std::conditional_t<sizeof(To) == 4, int32_t, int64_t>>;
    constexpr From low = static_cast<From>(std::numeric_limits<Wide>::min());
    const Wide wide = value >= low && value < -low ? static_cast<Wide>(value) : std::numeric_limits<Wide>::min();
    return static_cast<To>(wide);
  } else {
    return static_cast<To>(value);
  }
}

template <typename From, typename To>
inline void load_block(To* dst, const From* src, int64_t stride, int64_t n) {
  if (stride == 1) {
    if constexpr (std::is_same_v<From, To>) {
      std::memcpy(dst, src, sizeof(To) * n);
    } else if constexpr (kIsHalf<From> && std::is_same_v<To, float>) {
      load_half(dst, src, n);
    } else if constexpr (std::is_same_v<From, float> && kIsHalf<To>) {
      store_half(dst, src, n);
    } else {
      for (int64_t i = 0; i < n; ++i) dst[i] = convert<To>(src[i]);
    }
  } else if (stride == 0) {
    const To value = convert<To>(*src);
    for (int64_t i = 0; i < n; ++i) dst[i] = value;
  } else {
    for (int64_t i = 0; i < n; ++i) dst[i] = convert<To>(src[i * stride]);
  }
}

template <typename From, typename To>
inline void store_block(To* dst, int64_t stride, const From* src, int64_t n) {
  if (stride == 1) {
    if constexpr (kIsHalf<To> && std::is_same_v<From, float>) {
      store_half(dst, src, n);
    } else {
      for (int64_t i = 0; i < n; ++i) dst[i] = convert<To>(src[i]);
    }
  } else {
    for (int64_t i = 0; i < n; ++i) dst[i * stride] = convert<To>(src[i]);
  }
}

}  // namespace flambeau::cpu
