#include "panel_gemm.h"

#include <algorithm>

#include "flambeau/parallel.h"
#include "panel_product.h"
#include "per_thread.h"

namespace flambeau::cpu {
namespace {

// The rows of A that are multiplied at a time stay in the second level's cache with this depth, a block of B in the
// third. Panels of B do not stay in the first: reading C again after a smaller depth costs more.
constexpr int64_t kDepth = 512, kRows = 48, kColumns = 2048;
// Up to so many rows of A are read by every thread, which packs panels of its own: nobody waits for the others, nor
// fetches what they have packed from their caches.
constexpr int64_t kFewRows = 1024;
// Multiplications that are worth a thread.
constexpr int64_t kWork = int64_t{1} << 18;

}  // namespace

void panel_gemm(int64_t m, int64_t n, int64_t k, const PanelMatrix& a, const PanelMatrix& b, float* c, int64_t ldc,
                const float* bias) {
  const PanelFunctions<float> panels = panel_functions(0.0f);
  const int64_t width = panels.width, depth = ceil_div(k, ceil_div(k, kDepth)), columns = std::min(n, kColumns);
  const bool turned = a.row_stride == 1 && a.col_stride != 1;
  const Workspace b_memory(static_cast<size_t>(panels.size(depth, columns)) * sizeof(float));
  const PerThread a_memory(turned ? depth * kRows : 0);
  float* packed = b_memory.as<float>();

  for (int64_t j = 0; j < n; j += columns) {
    const int64_t cols = std::min(columns, n - j);
    // Rows [p, p + inner) of panels [begin, end) of columns [j, j + cols).
    const auto pack = [&](float* to, int64_t p, int64_t inner, int64_t begin, int64_t end) {
      panels.pack(to, b.data + p * b.row_stride + (j + begin * width) * b.col_stride, b.row_stride, b.col_stride, inner,
                  std::min(cols, end * width) - begin * width);
    };
    // Some rows of A by `count` columns that are packed at `right`, from `panel` on.
    const auto product = [&](const float* right, int64_t p, int64_t inner, int64_t row, int64_t rows, int64_t panel,
                             int64_t count) {
      for (int64_t i = row; i < row + rows; i += kRows) {
        const int64_t height = std::min(kRows, row + rows - i);
        const float* left = a.data + i * a.row_stride + p * a.col_stride;
        float* to = c + i * ldc + j + panel * width;
        const float* plus = p > 0 ? to : bias ? bias + j + panel * width : nullptr;
        const int64_t plus_stride = p > 0 ? ldc : 0;
        if (turned) {
          float* mine = a_memory.mine();
          panels.pack_rows(mine, left, a.col_stride, height, inner);
          panels.product_of_packed(to, ldc, mine, right, inner, height, count, inner, plus, plus_stride);
        } else {
          panels.product(to, ldc, left, a.row_stride, a.col_stride, right, inner, height, count, inner, plus,
                         plus_stride);
        }
      }
    };
    const int64_t count = ceil_div(cols, width);
    if (m <= kFewRows && count >= 2 * omp_get_max_threads()) {
      parallel_for(count, std::max<int64_t>(1, kWork / (m * width * k)), [&](int64_t begin, int64_t end) {
        float* own = packed + begin * width * depth;
        for (int64_t p = 0; p < k; p += depth) {
          const int64_t inner = std::min(depth, k - p);
          pack(own, p, inner, begin, end);
          product(own, p, inner, 0, m, begin, std::min(cols, end * width) - begin * width);
        }
      });
      continue;
    }
    for (int64_t p = 0; p < k; p += depth) {
      const int64_t inner = std::min(depth, k - p);
      parallel_for(count, std::max<int64_t>(1, kGrain / (width * inner)),
                   [&](int64_t begin, int64_t end) { pack(packed + begin * width * inner, p, inner, begin, end); });
      if (m >= kRows || m >= cols)
        parallel_for(
            m, std::max<int64_t>(1, kWork / (cols * inner)),
            [&](int64_t begin, int64_t end) { product(packed, p, inner, begin, end - begin, 0, cols); }, panels.rows);
      else
        parallel_for(count, std::max<int64_t>(1, kWork / (m * width * inner)), [&](int64_t begin, int64_t end) {
          product(packed + begin * width * inner, p, inner, 0, m, begin, std::min(cols, end * width) - begin * width);
        });
    }
  }
}

}  // namespace flambeau::cpu
