// Values as unsigned integers of the same order, so that every dtype sorts by one comparison: -0 equals 0, NaN is last.
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "blocks.h"

namespace flambeau::cpu {

// 32-bit keys share a word with the position; 64-bit ones need a pair.
template <typename T>
using SortKey = std::conditional_t<(sizeof(T) > 4), uint64_t, uint32_t>;

template <typename T>
SortKey<T> sort_key(T value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? 1 : 0;
  } else if constexpr (std::is_integral_v<T>) {
    using U = SortKey<T>;
    constexpr U kSign = U(1) << (sizeof(U) * 8 - 1);
    return std::is_signed_v<T> ? static_cast<U>(static_cast<std::make_signed_t<U>>(value)) ^ kSign
                               : static_cast<U>(value);
  } else {
    using F = std::conditional_t<std::is_same_v<T, double>, double, float>;
    using U = SortKey<F>;
    constexpr U kSign = U(1) << (sizeof(U) * 8 - 1);
    const F x = static_cast<F>(value);
    if (x != x) return std::numeric_limits<U>::max();
    const U bits = std::bit_cast<U>(x + F(0));  // -0 becomes 0
    return bits ^ (bits & kSign ? std::numeric_limits<U>::max() : kSign);
  }
}

// A key with its position; compares by key, then by position, which makes every sort stable.
struct Keyed64 {
  uint64_t key;
  int64_t index;
  bool operator<(const Keyed64& o) const { return key != o.key ? key < o.key : index < o.index; }
};
inline uint64_t make_keyed(uint32_t key, int64_t index) { return uint64_t{key} << 32 | static_cast<uint32_t>(index); }
inline Keyed64 make_keyed(uint64_t key, int64_t index) { return {key, index}; }
inline int64_t index_of(uint64_t keyed) { return static_cast<int64_t>(keyed & 0xffffffffu); }
inline int64_t index_of(const Keyed64& keyed) { return keyed.index; }
inline uint32_t key_of(uint64_t keyed) { return static_cast<uint32_t>(keyed >> 32); }
inline uint64_t key_of(const Keyed64& keyed) { return keyed.key; }

template <typename T>
using Keyed = std::conditional_t<(sizeof(T) > 4), Keyed64, uint64_t>;

// Sorts by key; positions are ascending before, and stay so among equal keys.
inline void sort_keyed(std::vector<Keyed64>& v, std::vector<Keyed64>&) { std::sort(v.begin(), v.end()); }
inline void sort_keyed(std::vector<uint64_t>& v, std::vector<uint64_t>& scratch) {
  if (v.size() < 1024) {
    std::sort(v.begin(), v.end());
    return;
  }
  // Radix sort of the upper half, 11 bits at a time; a digit that all share is skipped.
  constexpr int kBits = 11, kBuckets = 1 << kBits;
  scratch.resize(v.size());
  uint32_t counts[3][kBuckets] = {};
  for (const uint64_t x : v)
    for (int p = 0; p < 3; ++p) ++counts[p][x >> (32 + p * kBits) & (kBuckets - 1)];
  for (int p = 0; p < 3; ++p) {
    const int shift = 32 + p * kBits;
    if (counts[p][v[0] >> shift & (kBuckets - 1)] == v.size()) continue;
    uint32_t total = 0;
    for (uint32_t& c : counts[p]) total += std::exchange(c, total);
    for (const uint64_t x : v) scratch[counts[p][x >> shift & (kBuckets - 1)]++] = x;
    v.swap(scratch);
  }
}

// The keys of a line, reversed where `descending`.
template <typename T>
void load_keys(std::vector<Keyed<T>>& keys, const T* line, int64_t step, int64_t n, bool descending) {
  keys.resize(n);
  const SortKey<T> reversed = descending ? ~SortKey<T>(0) : 0;
  for (int64_t i = 0; i < n; ++i) keys[i] = make_keyed(sort_key(line[i * step]) ^ reversed, i);
}

// Puts the k first of a line's keys (k * 64 <= n) in front, in order, where no two that could be among them are equal;
// says whether that was so.
template <typename T>
bool sort_distinct_first_keys(std::vector<Keyed<T>>& kept, std::vector<SortKey<T>>& keys, const T* line, int64_t step,
                              int64_t n, int64_t k, bool descending) {
  const SortKey<T> reversed = descending ? ~SortKey<T>(0) : 0;
  keys.resize(n);
  if (step == 1)
    for (int64_t i = 0; i < n; ++i) keys[i] = sort_key(line[i]) ^ reversed;
  else
    for (int64_t i = 0; i < n; ++i) keys[i] = sort_key(line[i * step]) ^ reversed;
  // At least k are at most the largest of the least of k groups, and few others.
  SortKey<T> limit = 0;
  for (int64_t g = 0, size = n / k; g < k; ++g) {
    SortKey<T> least = keys[g * size];
    for (int64_t i = g * size; i < (g + 1) * size; ++i) least = std::min(least, keys[i]);
    limit = std::max(limit, least);
  }
  kept.clear();
  for (int64_t i = 0; i < n; ++i)
    if (keys[i] <= limit) kept.push_back(make_keyed(keys[i], i));
  std::partial_sort(kept.begin(), kept.begin() + k, kept.end());
  const auto equal = [](const auto& a, const auto& b) { return key_of(a) == key_of(b); };
  return std::adjacent_find(kept.begin(), kept.begin() + k, equal) == kept.begin() + k &&
         std::none_of(kept.begin() + k, kept.end(), [&](const auto& other) { return equal(other, kept[k - 1]); });
}

}  // namespace flambeau::cpu
