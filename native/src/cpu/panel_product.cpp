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
          const R* plus, int64_t plus_stride) {
  R sums[kRows][16] = {};
  for (int64_t p = 0; p < k; ++p)
    for (int i = 0; i < kRows; ++i)
      for (int j = 0; j < 16; ++j) sums[i][j] += a[i * row_stride + p * col_stride] * b[p * 16 + j];
  for (int i = 0; i < kRows; ++i)
    for (int64_t j = 0; j < n; ++j) c[i * ldc + j] = sums[i][j] + (plus ? plus[i * plus_stride + j] : R(0));
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
          const R* plus, int64_t plus_stride) {
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
      if (plus) {
        left[i] = hn::Add(left[i], hn::LoadU(d, plus + i * plus_stride));
        right[i] = hn::Add(right[i], hn::LoadU(d, plus + i * plus_stride + lanes));
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
    for (int64_t j = 0; j < n; ++j) row[j] = buffer[j] + (plus ? plus[i * plus_stride + j] : R(0));
  }
}
#endif

// Four rows of four to columns.
template <typename R>
HWY_INLINE void turn(R* to, int64_t to_stride, const R* from, int64_t from_stride) {
#if HWY_TARGET != HWY_SCALAR && !HWY_HAVE_SCALABLE
  if constexpr (sizeof(R) == 4) {
    const hn::FixedTag<R, 4> d;
    const auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + from_stride);
    const auto e = hn::LoadU(d, from + 2 * from_stride), f = hn::LoadU(d, from + 3 * from_stride);
    const hn::Repartition<double, decltype(d)> pairs;
    const auto ab = hn::BitCast(pairs, hn::InterleaveLower(d, a, b));
    const auto ef = hn::BitCast(pairs, hn::InterleaveLower(d, e, f));
    const auto ab_upper = hn::BitCast(pairs, hn::InterleaveUpper(d, a, b));
    const auto ef_upper = hn::BitCast(pairs, hn::InterleaveUpper(d, e, f));
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab, ef)), d, to);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab, ef)), d, to + to_stride);
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab_upper, ef_upper)), d, to + 2 * to_stride);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab_upper, ef_upper)), d, to + 3 * to_stride);
    return;
  }
#endif
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j) to[j * to_stride + i] = from[i * from_stride + j];
}

template <typename R>
void pack(R* panels, const R* b, int64_t row_stride, int64_t col_stride, int64_t k, int64_t n) {
  const int64_t width = panel_width<R>();
  const hn::ScalableTag<R> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t j = 0; j < n; j += width, panels += k * width) {
    const int64_t cols = n - j < width ? n - j : width;
    const R* first = b + j * col_stride;
    if (cols == width && col_stride == 1 && width % lanes == 0) {
      for (int64_t p = 0; p < k; ++p)
        for (int64_t q = 0; q < width; q += lanes)
          hn::StoreU(hn::LoadU(d, first + p * row_stride + q), d, panels + p * width + q);
      continue;
    }
    int64_t done = 0;
    if (cols == width && row_stride == 1 && width % 4 == 0)
      for (; done + 4 <= k; done += 4)
        for (int64_t q = 0; q < width; q += 4)
          turn(panels + done * width + q, width, first + q * col_stride + done, col_stride);
    for (int64_t p = done; p < k; ++p) {
      for (int64_t q = 0; q < cols; ++q) panels[p * width + q] = first[p * row_stride + q * col_stride];
      for (int64_t q = cols; q < width; ++q) panels[p * width + q] = 0;
    }
  }
}

// A [m, k] whose rows lie side by side, as tiles of kTile rows: [k][kTile] each, the last one as if its rows were
// whole.
template <typename R>
void pack_rows(R* tiles, const R* a, int64_t col_stride, int64_t m, int64_t k) {
  const hn::CappedTag<R, kTile> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < m; i += kTile, tiles += kTile * k) {
    const R* from = a + i;
    if (m - i >= kTile) {
      for (int64_t p = 0; p < k; ++p) {
        int64_t q = 0;
        for (; q + lanes <= kTile; q += lanes)
          hn::StoreU(hn::LoadU(d, from + p * col_stride + q), d, tiles + p * kTile + q);
        for (; q < kTile; ++q) tiles[p * kTile + q] = from[p * col_stride + q];
      }
    } else {
      for (int64_t p = 0; p < k; ++p)
        for (int64_t q = 0; q < m - i; ++q) tiles[p * kTile + q] = from[p * col_stride + q];
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

// Tiles of A's rows begin `tile_stride` apart.
template <typename R>
HWY_INLINE void product_of_tiles(R* c, int64_t ldc, const R* a, int64_t tile_stride, int64_t row_stride,
                                 int64_t col_stride, const R* panels, int64_t depth, int64_t m, int64_t n, int64_t k,
                                 const R* plus, int64_t plus_stride) {
  const int64_t width = panel_width<R>();
  for (int64_t j = 0; j < n; j += width, panels += depth * width) {
    const int64_t cols = n - j < width ? n - j : width;
    const R* rows = a;
    int64_t i = 0;
    for (; i + kTile <= m; i += kTile, rows += tile_stride)
      tile<kTile>(c + i * ldc + j, ldc, rows, row_stride, col_stride, panels, cols, k,
                  plus ? plus + i * plus_stride + j : nullptr, plus_stride);
    rest<kTile - 1>(m - i, c + i * ldc + j, ldc, rows, row_stride, col_stride, panels, cols, k,
                    plus ? plus + i * plus_stride + j : nullptr, plus_stride);
  }
}

template <typename R>
void product(R* c, int64_t ldc, const R* a, int64_t row_stride, int64_t col_stride, const R* panels, int64_t depth,
             int64_t m, int64_t n, int64_t k, const R* plus, int64_t plus_stride) {
  product_of_tiles(c, ldc, a, kTile * row_stride, row_stride, col_stride, panels, depth, m, n, k, plus, plus_stride);
}

template <typename R>
void product_of_packed(R* c, int64_t ldc, const R* tiles, const R* panels, int64_t depth, int64_t m, int64_t n,
                       int64_t k, const R* plus, int64_t plus_stride) {
  product_of_tiles(c, ldc, tiles, kTile * k, 1, kTile, panels, depth, m, n, k, plus, plus_stride);
}

template <typename R>
void find(PanelFunctions<R>& f) {
  f = {panel_width<R>(), kTile, pack<R>, product<R>, pack_rows<R>, product_of_packed<R>};
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
