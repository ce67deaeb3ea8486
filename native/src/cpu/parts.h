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

// Walks over the elements [begin, end) of a loop by stretches of a row: n elements from the i-th on, at most `most`.
class Stretches {
 public:
  Stretches(const StridedLoop& loop, int64_t begin, int64_t end, int64_t most)
      : cursor(loop, begin / std::max<int64_t>(loop.inner(), 1)),
        inner_(loop.inner()),
        left_(end - begin),
        most_(most) {
    if (left_ > 0) i = begin % inner_;
    n = std::min({most_, inner_ - i, left_});
  }
  void next() {
    left_ -= n;
    i += n;
    if (i == inner_) {
      i = 0;
      cursor.next();
    }
    n = std::min({most_, inner_ - i, left_});
  }
  explicit operator bool() const { return n > 0; }

  RowCursor cursor;
  int64_t i = 0, n = 0;

 private:
  int64_t inner_, left_, most_;
};

// Calls body(cursor, i, n) for the stretches of rows that make up [begin, end).
template <typename Body>
void each_stretch(const StridedLoop& loop, int64_t begin, int64_t end, const Body& body) {
  for (Stretches s(loop, begin, end, end - begin); s; s.next()) body(s.cursor, s.i, s.n);
}

}  // namespace flambeau::cpu
