// Row-major loops whatever the strides of their operands are, in parts of a fixed size that threads share.
#pragma once
#include "flambeau/parallel.h"
#include "iterate.h"

namespace flambeau::cpu {

inline constexpr int64_t kPart = 16384;

// A view with the contiguous strides of `shape`: as the first operand it fixes the order of a loop.
inline TensorView row_major(const TensorView& shape) {
  TensorView v = shape;
  int64_t stride = 1;
  for (int i = v.ndim - 1; i >= 0; --i) {
    v.strides[i] = stride;
    stride *= std::max<int64_t>(v.shape[i], 1);
  }
  return v;
}

// Calls body(part, begin, end) for the parts of n elements, in parallel.
template <typename Body>
void each_part(int64_t n, const Body& body) {
  parallel_for((n + kPart - 1) / kPart, kGrain / kPart, [&](int64_t b, int64_t e) {
    for (int64_t p = b; p < e; ++p) body(p, p * kPart, std::min(n, (p + 1) * kPart));
  });
}

// Calls body(cursor, i, n) for the stretches of rows, n elements from the i-th on, that make up [begin, end).
template <typename Body>
void each_stretch(const StridedLoop& loop, int64_t begin, int64_t end, const Body& body) {
  if (begin == end) return;
  const int64_t inner = loop.inner();
  RowCursor cursor(loop, begin / inner);
  for (int64_t i = begin % inner; begin < end; i = 0, cursor.next()) {
    const int64_t n = std::min(inner - i, end - begin);
    body(cursor, i, n);
    begin += n;
  }
}

}  // namespace flambeau::cpu
