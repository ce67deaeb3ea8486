// Updating one element that other threads may update too: natively where the device can, otherwise by compare and swap.
#pragma once
#include "device.cuh"

namespace flambeau::cuda {

// to = update(to), for elements of up to 8 bytes.
template <typename T, typename Update>
__device__ void atomic_update(T* to, const Update& update) {
  if constexpr (sizeof(T) == 8) {
    auto* word = reinterpret_cast<unsigned long long*>(to);
    unsigned long long seen = *word, before;
    do {
      before = seen;
      T value;
      memcpy(&value, &before, 8);
      value = update(value);
      unsigned long long wanted;
      memcpy(&wanted, &value, 8);
      seen = atomicCAS(word, before, wanted);
    } while (seen != before);
  } else {
    // The element within its aligned word.
    const auto address = reinterpret_cast<uintptr_t>(to);
    auto* word = reinterpret_cast<unsigned*>(address & ~uintptr_t{3});
    const unsigned shift = static_cast<unsigned>(address & 3) * 8;
    const unsigned mask = sizeof(T) == 4 ? 0xffffffffu : ((1u << (sizeof(T) * 8)) - 1u) << shift;
    unsigned seen = *word, before;
    do {
      before = seen;
      const unsigned bits = (before & mask) >> shift;
      T value;
      memcpy(&value, &bits, sizeof(T));
      value = update(value);
      unsigned wanted = 0;
      memcpy(&wanted, &value, sizeof(T));
      seen = atomicCAS(word, before, (before & ~mask) | (wanted << shift));
    } while (seen != before);
  }
}

template <typename T>
__device__ __forceinline__ void atomic_add(T* to, T value) {
  if constexpr (kComplex<T>) {
    atomicAdd(&to->re, value.re);
    atomicAdd(&to->im, value.im);
  } else if constexpr (kReal<T>) {
    atomicAdd(to, value);
  } else if constexpr (std::is_same_v<T, int32_t>) {
    atomicAdd(to, value);
  } else if constexpr (std::is_same_v<T, int64_t>) {
    atomicAdd(reinterpret_cast<unsigned long long*>(to), static_cast<unsigned long long>(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    if (value) *to = true;
  } else {
    atomic_update(to, [&](T v) { return static_cast<T>(v + value); });
  }
}

}  // namespace flambeau::cuda
