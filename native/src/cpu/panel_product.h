// Products with a matrix that is packed once and used many times, within one thread of a kernel.
#pragma once
#include <cstdint>

namespace flambeau::cpu {

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// B [k, n] is kept in panels of `width` columns: panel j is [k][width], filled up with zeros.
template <typename R>
struct PanelFunctions {
  int64_t width;
  // The rows of C that are computed at a time.
  int64_t rows;
  void (*pack)(R* panels, const R* b, int64_t row_stride, int64_t col_stride, int64_t k, int64_t n);
  // C [m, n] = A [m, k] · B, plus what lies at `plus` unless it is null: C itself, with its stride, or one row for all,
  // with a stride of 0. A has any strides, C the row stride ldc. B may be the upper left part of
  // what was packed with `depth` rows.
  void (*product)(R* c, int64_t ldc, const R* a, int64_t row_stride, int64_t col_stride, const R* panels, int64_t depth,
                  int64_t m, int64_t n, int64_t k, const R* plus, int64_t plus_stride);
  // A [m, k] whose columns lie `col_stride` apart and rows side by side, copied so that the product reads it in order:
  // a multiple of `rows` times k elements.
  void (*pack_rows)(R* tiles, const R* a, int64_t col_stride, int64_t m, int64_t k);
  void (*product_of_packed)(R* c, int64_t ldc, const R* tiles, const R* panels, int64_t depth, int64_t m, int64_t n,
                            int64_t k, const R* plus, int64_t plus_stride);
  // The elements that the panels of B take.
  int64_t size(int64_t k, int64_t n) const { return (n + width - 1) / width * width * k; }
};

PanelFunctions<float> panel_functions(float);
PanelFunctions<double> panel_functions(double);

}  // namespace flambeau::cpu
