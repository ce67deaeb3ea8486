#include "interpolate_rows.h"

#include <algorithm>

// Three levels on x86 (baseline, AVX2, AVX-512) keep compile time and size down; elsewhere the compiler's default.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/interpolate_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <typename C>
HWY_INLINE void blend_one(C* to, const C* const* rows, const C* weights, int64_t count, int64_t n, bool add) {
  // Few streams at a time: what the processor fetches ahead of.
  constexpr int64_t kGroup = 8;
  const hn::ScalableTag<C> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  if (count == 0 && !add) std::fill_n(to, n, C(0));
  for (int64_t first = 0; first < count; first += kGroup) {
    const int64_t last = std::min(count, first + kGroup);
    const bool sum = add || first > 0;
    int64_t i = 0;
    for (; i + 4 * lanes <= n; i += 4 * lanes) {
      auto s0 = sum ? hn::LoadU(d, to + i) : hn::Zero(d), s1 = sum ? hn::LoadU(d, to + i + lanes) : hn::Zero(d);
      auto s2 = sum ? hn::LoadU(d, to + i + 2 * lanes) : hn::Zero(d);
      auto s3 = sum ? hn::LoadU(d, to + i + 3 * lanes) : hn::Zero(d);
      for (int64_t k = first; k < last; ++k) {
        const C* row = rows[k] + i;
        const auto w = hn::Set(d, weights[k]);
        s0 = hn::MulAdd(w, hn::LoadU(d, row), s0);
        s1 = hn::MulAdd(w, hn::LoadU(d, row + lanes), s1);
        s2 = hn::MulAdd(w, hn::LoadU(d, row + 2 * lanes), s2);
        s3 = hn::MulAdd(w, hn::LoadU(d, row + 3 * lanes), s3);
      }
      hn::StoreU(s0, d, to + i);
      hn::StoreU(s1, d, to + i + lanes);
      hn::StoreU(s2, d, to + i + 2 * lanes);
      hn::StoreU(s3, d, to + i + 3 * lanes);
    }
    for (; i + lanes <= n; i += lanes) {
      auto s = sum ? hn::LoadU(d, to + i) : hn::Zero(d);
      for (int64_t k = first; k < last; ++k) s = hn::MulAdd(hn::Set(d, weights[k]), hn::LoadU(d, rows[k] + i), s);
      hn::StoreU(s, d, to + i);
    }
    for (; i < n; ++i) {
      C s = sum ? to[i] : C(0);
      for (int64_t k = first; k < last; ++k) s += weights[k] * rows[k][i];
      to[i] = s;
    }
  }
}

template <typename C>
void blend(C* to, int64_t step, const C* const* rows, const C* weights, const int64_t* begin, int64_t count, int64_t n,
           bool add) {
  for (int64_t y = 0; y < count; ++y)
    blend_one(to + y * step, rows + begin[y], weights + begin[y], begin[y + 1] - begin[y], n, add);
}

template <typename C>
void gather_one(C* to, const C* from, const Taps<C>& taps, int64_t inner) {
  const int64_t* at = taps.at.data();
  const C* weight = taps.weight.data();
  for (int64_t x = 0; x < taps.size(); ++x, to += inner) {
    const int64_t begin = taps.begin[x], end = taps.begin[x + 1];
    if (inner == 1) {
      C sum = 0;
      for (int64_t k = begin; k < end; ++k) sum += weight[k] * from[at[k]];
      *to = sum;
      continue;
    }
    C sums[16] = {};
    for (int64_t k = begin; k < end; ++k)
#pragma GCC ivdep
      for (int64_t c = 0; c < inner; ++c) sums[c] += weight[k] * from[at[k] * inner + c];
    std::copy_n(sums, inner, to);
  }
}

// Vectors without a size cannot be taken apart into blocks of four.
#if HWY_HAVE_SCALABLE || HWY_TARGET == HWY_SCALAR
void gather_some(float* to, int64_t to_step, const float* from, int64_t from_step, int64_t rows,
                 const Taps<float>& taps, float*) {
  for (int64_t r = 0; r < rows; ++r) gather_one(to + r * to_step, from + r * from_step, taps, 1);
}
#else
constexpr hn::CappedTag<float, 4> kFour;
constexpr hn::CappedTag<float, kGatherRows> kRows;
using Rows = hn::Vec<decltype(kRows)>;
constexpr int64_t kLanes = hn::MaxLanes(kRows);

// Four numbers of a row, and of the row four further where there are lanes for it.
template <typename D>
HWY_INLINE hn::Vec<D> load_fours(D d, const float* lower, [[maybe_unused]] const float* upper) {
  if constexpr (kLanes == 8)
    return hn::Combine(d, hn::LoadU(kFour, upper), hn::LoadU(kFour, lower));
  else
    return hn::LoadU(d, lower);
}
HWY_INLINE void store_some(hn::Vec<decltype(kFour)> v, float* to, int64_t n) {
  if (n == 4) return hn::StoreU(v, kFour, to);
  HWY_ALIGN float buffer[4];
  hn::Store(v, kFour, buffer);
  std::copy_n(buffer, n, to);
}
template <typename D>
HWY_INLINE void store_fours([[maybe_unused]] D d, hn::Vec<D> v, float* lower, [[maybe_unused]] float* upper,
                            int64_t n) {
  if constexpr (kLanes == 8) {
    store_some(hn::LowerHalf(kFour, v), lower, n);
    if (upper != nullptr) store_some(hn::UpperHalf(kFour, v), upper, n);
  } else {
    store_some(v, lower, n);
  }
}

// In each block of four lanes: four rows of four become four columns.
HWY_INLINE void transpose_blocks(Rows& a, Rows& b, Rows& c, Rows& e) {
  const hn::Repartition<uint64_t, decltype(kRows)> pairs;
  const auto pair = [&](Rows v) { return hn::BitCast(pairs, v); };
  const auto ab = pair(hn::InterleaveLower(kRows, a, b)), ab_upper = pair(hn::InterleaveUpper(kRows, a, b));
  const auto ce = pair(hn::InterleaveLower(kRows, c, e)), ce_upper = pair(hn::InterleaveUpper(kRows, c, e));
  a = hn::BitCast(kRows, hn::InterleaveLower(pairs, ab, ce));
  b = hn::BitCast(kRows, hn::InterleaveUpper(pairs, ab, ce));
  c = hn::BitCast(kRows, hn::InterleaveLower(pairs, ab_upper, ce_upper));
  e = hn::BitCast(kRows, hn::InterleaveUpper(pairs, ab_upper, ce_upper));
}

// Up to kLanes rows: a lane each, so that a tap is one multiplication for all of them.
void gather_some(float* to, int64_t to_step, const float* from, int64_t from_step, int64_t rows,
                 const Taps<float>& taps, float* columns) {
  // Lanes without a row repeat the last one.
  const float* row[kLanes];
  for (int64_t r = 0; r < kLanes; ++r) row[r] = from + std::min(r, rows - 1) * from_step;
  const auto four = [&](int64_t r, int64_t x) { return load_fours(kRows, row[r] + x, row[(r + 4) % kLanes] + x); };
  int64_t s = 0;
  for (; s + 4 <= taps.sources; s += 4) {
    Rows a = four(0, s), b = four(1, s), c = four(2, s), e = four(3, s);
    transpose_blocks(a, b, c, e);
    hn::StoreU(a, kRows, columns + s * kLanes);
    hn::StoreU(b, kRows, columns + (s + 1) * kLanes);
    hn::StoreU(c, kRows, columns + (s + 2) * kLanes);
    hn::StoreU(e, kRows, columns + (s + 3) * kLanes);
  }
  for (; s < taps.sources; ++s)
    for (int64_t r = 0; r < kLanes; ++r) columns[s * kLanes + r] = row[r][s];

  const int64_t size = taps.size();
  const int64_t* at = taps.at.data();
  const int64_t* begin = taps.begin.data();
  const float* weight = taps.weight.data();
  const auto element = [&](int64_t x) {
    Rows sum = hn::Zero(kRows);
    for (int64_t k = begin[x]; k < begin[x + 1]; ++k)
      sum = hn::MulAdd(hn::Set(kRows, weight[k]), hn::LoadU(kRows, columns + at[k] * kLanes), sum);
    return sum;
  };
  for (int64_t x = 0; x < size; x += 4) {
    const int64_t last = size - 1, n = std::min<int64_t>(4, size - x);
    Rows v[4] = {element(x), element(std::min(x + 1, last)), element(std::min(x + 2, last)),
                 element(std::min(x + 3, last))};
    transpose_blocks(v[0], v[1], v[2], v[3]);
    for (int64_t r = 0; r < std::min<int64_t>(4, rows); ++r) {
      float* place = to + r * to_step + x;
      store_fours(kRows, v[r], place, r + 4 < rows ? place + 4 * to_step : nullptr, n);
    }
  }
}
#endif

void gather(float* to, int64_t to_step, const float* from, int64_t from_step, int64_t rows, const Taps<float>& taps,
            int64_t inner, float* workspace) {
#if HWY_HAVE_SCALABLE || HWY_TARGET == HWY_SCALAR
  constexpr int64_t kLanes = 1;
#endif
  for (int64_t r = 0; r < rows; r += kLanes, to += kLanes * to_step, from += kLanes * from_step) {
    const int64_t some = std::min(kLanes, rows - r);
    if (inner == 1 && 2 * some > kLanes)
      gather_some(to, to_step, from, from_step, some, taps, workspace);
    else
      for (int64_t i = 0; i < some; ++i) gather_one(to + i * to_step, from + i * from_step, taps, inner);
  }
}

void blend_float(float* to, int64_t step, const float* const* rows, const float* weights, const int64_t* begin,
                 int64_t count, int64_t n, bool add) {
  blend(to, step, rows, weights, begin, count, n, add);
}
void blend_double(double* to, int64_t step, const double* const* rows, const double* weights, const int64_t* begin,
                  int64_t count, int64_t n, bool add) {
  blend(to, step, rows, weights, begin, count, n, add);
}
void gather_float(float* to, int64_t to_step, const float* from, int64_t from_step, int64_t rows,
                  const Taps<float>& taps, int64_t inner, float* workspace) {
  gather(to, to_step, from, from_step, rows, taps, inner, workspace);
}
void gather_double(double* to, int64_t to_step, const double* from, int64_t from_step, int64_t rows,
                   const Taps<double>& taps, int64_t inner) {
  for (int64_t r = 0; r < rows; ++r) gather_one(to + r * to_step, from + r * from_step, taps, inner);
}

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(blend_float);
HWY_EXPORT(blend_double);
HWY_EXPORT(gather_float);
HWY_EXPORT(gather_double);

void blend_rows(float* to, int64_t step, const float* const* rows, const float* weights, const int64_t* begin,
                int64_t count, int64_t n, bool add) {
  HWY_DYNAMIC_DISPATCH(blend_float)(to, step, rows, weights, begin, count, n, add);
}
void blend_rows(double* to, int64_t step, const double* const* rows, const double* weights, const int64_t* begin,
                int64_t count, int64_t n, bool add) {
  HWY_DYNAMIC_DISPATCH(blend_double)(to, step, rows, weights, begin, count, n, add);
}
void gather_rows(float* to, int64_t to_step, const float* from, int64_t from_step, int64_t rows,
                 const Taps<float>& taps, int64_t inner, float* workspace) {
  HWY_DYNAMIC_DISPATCH(gather_float)(to, to_step, from, from_step, rows, taps, inner, workspace);
}
void gather_rows(double* to, int64_t to_step, const double* from, int64_t from_step, int64_t rows,
                 const Taps<double>& taps, int64_t inner, double*) {
  HWY_DYNAMIC_DISPATCH(gather_double)(to, to_step, from, from_step, rows, taps, inner);
}

}  // namespace flambeau::cpu
#endif
