// C = A·B in float32 by packed panels (panel_product.h): for processors on which oneDNN's product has no packing, and
// falls to half of its speed where strides are powers of two or B is wide.
#pragma once
#include <cstdint>

namespace flambeau::cpu {

struct PanelMatrix {
  const float* data;
  int64_t row_stride, col_stride;
};

// C [m, n] in rows of `ldc` = A [m, k] · B [k, n] (+ bias [n] unless it is null). The result does not depend on the
// number of threads.
void panel_gemm(int64_t m, int64_t n, int64_t k, const PanelMatrix& a, const PanelMatrix& b, float* c, int64_t ldc,
                const float* bias);

}  // namespace flambeau::cpu
