// Common iteration over strided operands of one shape: dimensions ordered, size-1 ones dropped, neighbours merged.
#pragma once
#include <algorithm>
#include <cstdint>
#include <span>

#include "flambeau/call.h"

namespace flambeau::cpu {

inline constexpr int kMaxOperands = 24;

// Dimension 0 is the innermost. Strides are in elements, [dimension][operand].
struct StridedLoop {
  int ndim = 0;
  int operands = 0;
  int64_t shape[kMaxDims];
  int64_t strides[kMaxDims][kMaxOperands];

  int64_t inner() const { return ndim > 0 ? shape[0] : 1; }
  int64_t rows() const {
    int64_t n = 1;
    for (int i = 1; i < ndim; ++i) n *= shape[i];
    return n;
  }
  int64_t inner_stride(int operand) const { return ndim > 0 ? strides[0][operand] : 0; }
  int64_t numel() const { return inner() * rows(); }
};

// All views have the shape of the first. Dimensions are ordered by the first view's strides.
inline StridedLoop make_loop(std::span<const TensorView* const> views) {
  StridedLoop loop;
  loop.operands = static_cast<int>(views.size());
  const TensorView& lead = *views[0];
  int order[kMaxDims];
  int count = 0;
  for (int i = lead.ndim - 1; i >= 0; --i) {
    if (lead.shape[i] == 1) continue;
    // Insertion sort, stable: the smallest stride of the lead goes innermost; broadcast leads keep their place.
    int at = count++;
    while (at > 0 && lead.strides[i] != 0 && std::abs(lead.strides[order[at - 1]]) > std::abs(lead.strides[i])) {
      order[at] = order[at - 1];
      --at;
    }
    order[at] = i;
  }
  for (int k = 0; k < count; ++k) {
    const int i = order[k];
    bool merge = loop.ndim > 0;
    for (int v = 0; merge && v < loop.operands; ++v)
      merge = views[v]->strides[i] == loop.strides[loop.ndim - 1][v] * loop.shape[loop.ndim - 1];
    if (merge) {
      loop.shape[loop.ndim - 1] *= lead.shape[i];
      continue;
    }
    loop.shape[loop.ndim] = lead.shape[i];
    for (int v = 0; v < loop.operands; ++v) loop.strides[loop.ndim][v] = views[v]->strides[i];
    ++loop.ndim;
  }
  return loop;
}

// Walks the rows (all dimensions but the innermost) and keeps each operand's offset in elements.
class RowCursor {
 public:
  RowCursor(const StridedLoop& loop, int64_t row) : loop_(loop) {
    for (int v = 0; v < loop.operands; ++v) offsets[v] = 0;
    for (int d = 1; d < loop.ndim; ++d) {
      index_[d] = row % loop.shape[d];
      row /= loop.shape[d];
      for (int v = 0; v < loop.operands; ++v) offsets[v] += index_[d] * loop.strides[d][v];
    }
  }
  void next() {
    for (int d = 1; d < loop_.ndim; ++d) {
      if (++index_[d] < loop_.shape[d]) {
        for (int v = 0; v < loop_.operands; ++v) offsets[v] += loop_.strides[d][v];
        return;
      }
      for (int v = 0; v < loop_.operands; ++v) offsets[v] -= (loop_.shape[d] - 1) * loop_.strides[d][v];
      index_[d] = 0;
    }
  }
  int64_t offsets[kMaxOperands];

 private:
  const StridedLoop& loop_;
  int64_t index_[kMaxDims];
};

}  // namespace flambeau::cpu
