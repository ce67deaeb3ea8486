#include "skinny_product.h"

#include <algorithm>

#include "flambeau/parallel.h"

// Three levels on x86 (baseline, AVX2, AVX-512) keep compile time and size down; elsewhere the compiler's default.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/skinny_product.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::ScalableTag<float> kFloats;

// to[i] += Σ weights[r] · b[r · ldb + i] for kCount rows; where `fetch` is set, as many rows behind them are fetched.
template <int kCount>
HWY_INLINE void add_rows(float* to, const float* weights, const float* b, int64_t ldb, int64_t n, bool fetch) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kFloats));
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    auto left = hn::LoadU(kFloats, to + i), right = hn::LoadU(kFloats, to + i + lanes);
#pragma GCC unroll 8
    for (int r = 0; r < kCount; ++r) {
      const float* row = b + r * ldb + i;
      if (fetch) hwy::Prefetch(row + kCount * ldb);
      const auto w = hn::Set(kFloats, weights[r]);
      left = hn::MulAdd(w, hn::LoadU(kFloats, row), left);
      right = hn::MulAdd(w, hn::LoadU(kFloats, row + lanes), right);
    }
    hn::StoreU(left, kFloats, to + i);
    hn::StoreU(right, kFloats, to + i + lanes);
  }
  for (; i < n; ++i) {
    float sum = to[i];
    for (int r = 0; r < kCount; ++r) sum += weights[r] * b[r * ldb + i];
    to[i] = sum;
  }
}

// Columns [0, n) of C: some rows of B at a time, and of these a part that stays in the L1 cache for all rows of A.
void columns(float* c, int64_t ldc, const float* a, int64_t lda, const float* b, int64_t ldb, const float* bias,
             int64_t m, int64_t n, int64_t k) {
  constexpr int64_t kPart = 512, kDeep = 8;
  for (int64_t j = 0; j < n; j += kPart) {
    const int64_t part = std::min(kPart, n - j);
    for (int64_t i = 0; i < m; ++i) {
      if (bias)
        std::copy_n(bias + j, part, c + i * ldc + j);
      else
        std::fill_n(c + i * ldc + j, part, 0.0f);
    }
    int64_t p = 0;
    for (; p + kDeep <= k; p += kDeep)
      for (int64_t i = 0; i < m; ++i)
        add_rows<kDeep>(c + i * ldc + j, a + i * lda + p, b + p * ldb + j, ldb, part, i == 0 && p + 2 * kDeep <= k);
    for (; p < k; ++p)
      for (int64_t i = 0; i < m; ++i) add_rows<1>(c + i * ldc + j, a + i * lda + p, b + p * ldb + j, ldb, part, false);
  }
}

// Columns [begin, end) of kRows rows of C, each the product of a row of A and of one of the transposed B.
template <int kRows>
void dots(float* c, int64_t ldc, const float* a, int64_t lda, const float* b, int64_t ldb, const float* bias,
          int64_t begin, int64_t end, int64_t k) {
  [[maybe_unused]] const auto lanes = static_cast<int64_t>(hn::Lanes(kFloats));
  for (int64_t j = begin; j < end; ++j) {
    const float* row = b + j * ldb;
    // Two sums of each, since one would wait for itself.
    float sums[kRows];
    int64_t whole = 0;
#if HWY_HAVE_SCALABLE
    for (int i = 0; i < kRows; ++i) sums[i] = 0;
#else
    hn::Vec<decltype(kFloats)> even[kRows], odd[kRows];
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) even[i] = odd[i] = hn::Zero(kFloats);
    for (; whole + 2 * lanes <= k; whole += 2 * lanes) {
      const auto left = hn::LoadU(kFloats, row + whole), right = hn::LoadU(kFloats, row + whole + lanes);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        even[i] = hn::MulAdd(left, hn::LoadU(kFloats, a + i * lda + whole), even[i]);
        odd[i] = hn::MulAdd(right, hn::LoadU(kFloats, a + i * lda + whole + lanes), odd[i]);
      }
    }
    for (int i = 0; i < kRows; ++i) sums[i] = hn::GetLane(hn::SumOfLanes(kFloats, hn::Add(even[i], odd[i])));
#endif
    for (int i = 0; i < kRows; ++i) {
      float sum = sums[i];
      for (int64_t p = whole; p < k; ++p) sum += row[p] * a[i * lda + p];
      c[i * ldc + j] = sum + (bias ? bias[j] : 0.0f);
    }
  }
}

// As many rows at a time as the registers hold sums of.
void rows(float* c, int64_t ldc, const float* a, int64_t lda, const float* b, int64_t ldb, const float* bias, int64_t m,
          int64_t begin, int64_t end, int64_t k) {
  // A part of B is in the cache for the rows that are left.
  constexpr int64_t kPart = 16;
  for (int64_t j = begin; j < end; j += kPart) {
    const int64_t last = std::min(end, j + kPart);
    int64_t i = 0;
    for (; i + 4 <= m; i += 4) dots<4>(c + i * ldc, ldc, a + i * lda, lda, b, ldb, bias, j, last, k);
    for (; i + 2 <= m; i += 2) dots<2>(c + i * ldc, ldc, a + i * lda, lda, b, ldb, bias, j, last, k);
    if (i < m) dots<1>(c + i * ldc, ldc, a + i * lda, lda, b, ldb, bias, j, last, k);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(columns);
HWY_EXPORT(rows);

void skinny_product(float* c, int64_t ldc, const float* a, int64_t lda, const float* b, int64_t ldb, bool transposed,
                    const float* bias, int64_t m, int64_t n, int64_t k) {
  const int64_t grain = std::max<int64_t>(1, kGrain / (k * m + 1));
  parallel_for(
      n, grain,
      [&](int64_t begin, int64_t end) {
        if (transposed) return HWY_DYNAMIC_DISPATCH(rows)(c, ldc, a, lda, b, ldb, bias, m, begin, end, k);
        const float* own_bias = bias ? bias + begin : nullptr;
        HWY_DYNAMIC_DISPATCH(columns)(c + begin, ldc, a, lda, b + begin, ldb, own_bias, m, end - begin, k);
      },
      /*align=*/64);  // whole vectors: which columns are left over is not for the threads to say
}

}  // namespace flambeau::cpu
#endif
