// Iteration for operators that work along one dimension: the loop over all others, and each operand's step along it.
#pragma once
#include <array>

#include "flambeau/parallel.h"
#include "iterate.h"

namespace flambeau::cpu {

template <int kCount>
struct AlongDim {
  StridedLoop loop;
  std::array<int64_t, kCount> steps;  // strides along the dimension
  std::array<int64_t, kCount> sizes;  // sizes along it

  // Views have the shape of the first except along `dim`; absent ones count as scalars that are never touched.
  AlongDim(const std::array<const TensorView*, kCount>& views, int64_t dim) {
    TensorView rest[kCount];
    std::array<const TensorView*, kCount> pointers;
    for (int v = 0; v < kCount; ++v) {
      const TensorView& t = views[v]->defined() ? *views[v] : *views[0];
      const bool scalar = t.ndim == 0;
      steps[v] = scalar ? 0 : t.strides[dim];
      sizes[v] = scalar ? 1 : t.shape[dim];
      rest[v].ndim = 0;
      for (int i = 0; i < t.ndim; ++i) {
        if (i == dim) continue;
        rest[v].shape[rest[v].ndim] = t.shape[i];
        rest[v].strides[rest[v].ndim++] = t.strides[i];
      }
      pointers[v] = &rest[v];
    }
    loop = make_loop(pointers);
  }

  int64_t lines() const { return loop.numel(); }

  // Whether neighbouring lines lie closer in memory than the elements of one line do.
  bool across() const {
    return loop.ndim > 0 && loop.shape[0] >= 4 && std::abs(loop.strides[0][0]) < std::abs(steps[0]) &&
           loop.strides[0][0] != 0;
  }

  // Each operand's offset at the beginning of a row of lines.
  std::array<int64_t, kCount> row_offsets(int64_t row) const {
    std::array<int64_t, kCount> offsets{};
    for (int d = 1; d < loop.ndim; ++d) {
      const int64_t index = row % loop.shape[d];
      row /= loop.shape[d];
      for (int v = 0; v < kCount; ++v) offsets[v] += index * loop.strides[d][v];
    }
    return offsets;
  }

  // Calls body(offsets) for each line, in parallel; `grain` is in elements.
  template <typename Body>
  void each_line(const Body& body, int64_t grain = kGrain) const {
    const int64_t inner = loop.inner();
    parallel_for(lines(), std::max<int64_t>(1, grain / (sizes[0] + 1)), [&](int64_t b, int64_t e) {
      for (int64_t line = b; line < e;) {
        std::array<int64_t, kCount> offsets = row_offsets(line / inner);
        const int64_t row_end = std::min(e, (line / inner + 1) * inner);
        for (int v = 0; v < kCount; ++v) offsets[v] += line % inner * loop.inner_stride(v);
        for (; line < row_end; ++line) {
          body(offsets);
          for (int v = 0; v < kCount; ++v) offsets[v] += loop.inner_stride(v);
        }
      }
    });
  }

  // Calls body(offsets, n) for strips of at most `width` neighbouring lines, in parallel.
  template <typename Body>
  void each_strip(int64_t width, const Body& body) const {
    const int64_t inner = loop.inner(), strips = (inner + width - 1) / width;
    const int64_t per_strip = std::min(inner, width) * sizes[0] + 1;
    parallel_for(loop.rows() * strips, std::max<int64_t>(1, kGrain / per_strip), [&](int64_t b, int64_t e) {
      for (int64_t s = b; s < e; ++s) {
        std::array<int64_t, kCount> offsets = row_offsets(s / strips);
        const int64_t col = s % strips * width;
        for (int v = 0; v < kCount; ++v) offsets[v] += col * loop.inner_stride(v);
        body(offsets, std::min(width, inner - col));
      }
    });
  }
};

}  // namespace flambeau::cpu
