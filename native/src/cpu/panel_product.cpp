#include "panel_product.h"

// Three levels on x86 (baseline, AVX2, AVX-512) keep compile time and size down; elsewhere the compiler's default.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/panel_product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_HAVE_SCALABLE
// Vectors without a size cannot be kept in arrays: plain loops over panels of 16 columns.
template <typename R>
constexpr int64_t panel_width() {
  return 16;
}
template <int kRows, typename R>
void tile(R* c, int64_t ldc, const R* a, int64_t row_stride, int64_t col_stride, const R* b, int64_t n, int64_t k,
          bool accumulate) {
  R sums[kRows][16] = {};
  for (int64_t p = 0; p < k; ++p)
    for (int i = 0; i < kRows; ++i)
      for (int j = 0; j < 16; ++j) sums[i][j] += a[i * row_stride + p * col_stride] * b[p * 16 + j];
  for (int i = 0; i < kRows; ++i)
    for (int64_t j = 0; j < n; ++j) c[i * ldc + j] = sums[i][j] + (accumulate ? c[i * ldc + j] : R(0));
}
inline constexpr int kTile = 6;
#else
template <typename R>
int64_t panel_width() {
  return 2 * static_cast<int64_t>(hn::Lanes(hn::ScalableTag<R>()));
}

// kRows rows of C in two vectors each: what the registers hold, beside two of B and one of A.
#if HWY_MAX_BYTES >= 64
inline constexpr int kTile = 12;
#else
inline constexpr int kTile = 6;
#endif

template <int kRows, typename R>
void tile(R* c, int64_t ldc, const R* a, int64_t row_stride, int64_t col_stride, const R* b, int64_t n, int64_t k,
          bool accumulate) {
  const hn::ScalableTag<R> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V left[kRows], right[kRows];
#pragma GCC unroll 12
  for (int i = 0; i < kRows; ++i) left[i] = right[i] = hn::Zero(d);
  for (int64_t p = 0; p < k; ++p, b += 2 * lanes, a += col_stride) {
    const V b0 = hn::LoadU(d, b), b1 = hn::LoadU(d, b + lanes);
#pragma GCC unroll 12
    for (int i = 0; i < kRows; ++i) {
      const V x = hn::Set(d, a[i * row_stride]);
      left[i] = hn::MulAdd(x, b0, left[i]);
      right[i] = hn::MulAdd(x, b1, right[i]);
    }
  }
  if (n == 2 * lanes) {
#pragma GCC unroll 12
    for (int i = 0; i < kRows; ++i) {
      R* row = c + i * ldc;
      if (accumulate) {
        left[i] = hn::Add(left[i], hn::LoadU(d, row));
        right[i] = hn::Add(right[i], hn::LoadU(d, row + lanes));
      }
      hn::StoreU(left[i], d, row);
      hn::StoreU(right[i], d, row + lanes);
    }
    return;
  }
  HWY_ALIGN R buffer[2 * hn::MaxLanes(hn::ScalableTag<R>())];
#pragma GCC unroll 12
  for (int i = 0; i < kRows; ++i) {
    hn::Store(left[i], d, buffer);
    hn::Store(right[i], d, buffer + lanes);
    R* row = c + i * ldc;
    for (int64_t j = 0; j < n; ++j) row[j] = buffer[j] + (accumulate ? row[j] : R(0));
  }
}
#endif

template <typename R>
void pack(R* panels, const R* b, int64_t row_stride, int64_t col_stride, int64_t k, int64_t n) {
  const int64_t width = panel_width<R>();
  for (int64_t j = 0; j < n; j += width, panels += k * width) {
    const int64_t cols = n - j < width ? n - j : width;
    if (col_stride == 1) {
      for (int64_t p = 0; p < k; ++p) {
        const R* row = b + p * row_stride + j;
        for (int64_t q = 0; q < cols; ++q) panels[p * width + q] = row[q];
        for (int64_t q = cols; q < width; ++q) panels[p * width + q] = 0;
      }
      continue;
    }
    for (int64_t q = 0; q < width; ++q) {
      const R* column = b + (j + q) * col_stride;
      for (int64_t p = 0; p < k; ++p) panels[p * width + q] = q < cols ? column[p * row_stride] : R(0);
    }
  }
}

// The rows that are left over after whole tiles.
template <int kRows, typename... Args>
HWY_INLINE void rest(int64_t rows, Args... args) {
  if constexpr (kRows > 0) {
    if (rows == kRows)
      tile<kRows>(args...);
    else
      rest<kRows - 1>(rows, args...);
  }
}

template <typename R>
void product(R* c, int64_t ldc, const R* a, int64_t row_stride, int64_t col_stride, const R* panels, int64_t depth,
             int64_t m, int64_t n, int64_t k, bool accumulate) {
  const int64_t width = panel_width<R>();
  for (int64_t j = 0; j < n; j += width, panels += depth * width) {
    const int64_t cols = n - j < width ? n - j : width;
    int64_t i = 0;
    for (; i + kTile <= m; i += kTile)
      tile<kTile>(c + i * ldc + j, ldc, a + i * row_stride, row_stride, col_stride, panels, cols, k, accumulate);
    rest<kTile - 1>(m - i, c + i * ldc + j, ldc, a + i * row_stride, row_stride, col_stride, panels, cols, k,
                    accumulate);
  }
}

template <typename R>
void find(PanelFunctions<R>& f) {
  f = {panel_width<R>(), pack<R>, product<R>};
}
void find_float(PanelFunctions<float>& f) { find(f); }
void find_double(PanelFunctions<double>& f) { find(f); }

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(find_float);
HWY_EXPORT(find_double);

PanelFunctions<float> panel_functions(float) {
  PanelFunctions<float> f;
  HWY_DYNAMIC_DISPATCH(find_float)(f);
  return f;
}
PanelFunctions<double> panel_functions(double) {
  PanelFunctions<double> f;
  HWY_DYNAMIC_DISPATCH(find_double)(f);
  return f;
}

}  // namespace flambeau::cpu
#endif
