#include "transpose.h"

#include "flambeau/visit_size.h"

// Three levels on x86 (baseline, AVX2, AVX-512) keep compile time and size down; elsewhere the compiler's default.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/transpose.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR && !HWY_HAVE_SCALABLE
constexpr bool kVectors = true;
constexpr int kBytes = HWY_MAX_BYTES < 32 ? 16 : 32;

// As many rows as 16 bytes hold, of columns that make up a vector: each half of a vector is a square of its own.
template <typename T>
struct Square {
  static constexpr int kSide = 16 / sizeof(T), kCols = kBytes / sizeof(T);

  static HWY_INLINE void turn(T* dst, int64_t dst_row, const T* src, int64_t src_col) {
    const hn::FixedTag<T, kCols> d;
    using V = hn::Vec<decltype(d)>;
    V a[kSide], b[kSide];
    for (int i = 0; i < kSide; ++i) a[i] = load(src + i * src_col, kSide * src_col);
    // Shuffling the elements of all rows like a deck of cards, as often as it takes to halve them down to one.
    for (int n = kSide; n > 1; n /= 2) {
      for (int i = 0; i < kSide / 2; ++i) {
        b[2 * i] = hn::InterleaveLower(d, a[i], a[i + kSide / 2]);
        b[2 * i + 1] = hn::InterleaveUpper(d, a[i], a[i + kSide / 2]);
      }
      for (int i = 0; i < kSide; ++i) a[i] = b[i];
    }
    for (int i = 0; i < kSide; ++i) hn::StoreU(a[i], d, dst + i * dst_row);
  }

  static HWY_INLINE auto load(const T* src, int64_t next) {
    const hn::FixedTag<T, kSide> half;
    if constexpr (kCols == kSide)
      return hn::LoadU(half, src);
    else
      return hn::Combine(hn::FixedTag<T, kCols>(), hn::LoadU(half, src + next), hn::LoadU(half, src));
  }
};
#else
constexpr bool kVectors = false;
template <typename T>
struct Square {
  static constexpr int kSide = 1, kCols = 1;
  static void turn(T*, int64_t, const T*, int64_t) {}
};
#endif

constexpr int64_t kFewRows = 8;  // so few that a loop along them is mostly beginning and end

template <typename T>
void transpose_elements(T* HWY_RESTRICT dst, int64_t dst_row, const T* HWY_RESTRICT src, int64_t src_col,
                        int64_t src_row, int64_t rows, int64_t cols) {
  int64_t whole_rows = 0, whole_cols = 0;
  if constexpr (kVectors && sizeof(T) <= 8) {
    constexpr int kSide = Square<T>::kSide, kCols = Square<T>::kCols;
    if (src_row == 1) {
      whole_rows = rows / kSide * kSide;
      whole_cols = cols / kCols * kCols;
    }
    for (int64_t c = 0; c < whole_cols; c += kCols)
      for (int64_t r = 0; r < whole_rows; r += kSide)
        Square<T>::turn(dst + r * dst_row + c, dst_row, src + c * src_col + r, src_col);
  }
  const auto move = [&](int64_t r, int64_t c) { dst[r * dst_row + c] = src[c * src_col + r * src_row]; };
  for (int64_t r = whole_rows; r < rows; ++r)
    for (int64_t c = 0; c < whole_cols; ++c) move(r, c);
  if (rows < kFewRows)
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = whole_cols; c < cols; ++c) move(r, c);
  else
    for (int64_t c = whole_cols; c < cols; ++c)
      for (int64_t r = 0; r < rows; ++r) move(r, c);
}

void transpose_sized(void* dst, int64_t dst_row, const void* src, int64_t src_col, int64_t src_row, int64_t rows,
                     int64_t cols, int element_bytes) {
  visit_size(element_bytes, [&]<typename T>() {
    transpose_elements(static_cast<T*>(dst), dst_row, static_cast<const T*>(src), src_col, src_row, rows, cols);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(transpose_sized);

void transpose_block(void* dst, int64_t dst_row, const void* src, int64_t src_col, int64_t src_row, int64_t rows,
                     int64_t cols, int element_bytes) {
  HWY_DYNAMIC_DISPATCH(transpose_sized)(dst, dst_row, src, src_col, src_row, rows, cols, element_bytes);
}

}  // namespace flambeau::cpu
#endif
