// Adding to one element, for scatters: integers wrap, half types add in float.
#pragma once
#include <type_traits>

#include "blocks.h"

namespace flambeau::cpu {

template <typename T>
inline T plus(T a, T b) {
  if constexpr (kIsHalf<T>)
    return T(static_cast<float>(a) + static_cast<float>(b));
  else if constexpr (std::is_same_v<T, complex32>)
    return T(static_cast<complex64>(a) + static_cast<complex64>(b));
  else if constexpr (std::is_same_v<T, bool>)
    return a || b;
  else if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  else
    return a + b;
}

template <typename T>
inline T times(T a, T b) {
  if constexpr (kIsHalf<T>)
    return T(static_cast<float>(a) * static_cast<float>(b));
  else if constexpr (std::is_same_v<T, bool>)
    return a && b;
  else if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else
    return a * b;
}

}  // namespace flambeau::cpu
