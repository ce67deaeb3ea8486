// Softmax of contiguous rows, and of strips of neighbouring columns, for the ISA at hand.
#pragma once
#include <cstdint>

namespace flambeau::cpu {

// R is float or double. A strip is [size][width] in row-major order, normalised along the first dimension in place.
template <typename R>
struct SoftmaxFunctions {
  void (*row)(R* dst, const R* src, int64_t n, bool log);
  void (*strip)(R* data, R* scratch, int64_t size, int64_t width, bool log);  // scratch: 2 * width
  // grad of the input from that of the output, and the output; dst may be grad.
  void (*row_backward)(R* dst, const R* grad, const R* out, int64_t n, bool log);
  void (*strip_backward)(R* grad, const R* out, R* scratch, int64_t size, int64_t width, bool log);
};

SoftmaxFunctions<float> softmax_functions(float);
SoftmaxFunctions<double> softmax_functions(double);

}  // namespace flambeau::cpu
