// Random shapes and strides, and loops over indices, for kernels on any views.
#pragma once
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

namespace flambeau::test {

using Rng = std::mt19937;
inline int pick(Rng& rng, int low, int high) { return std::uniform_int_distribution(low, high)(rng); }

struct Layout {
  std::vector<int64_t> shape, strides;
  int64_t offset = 0, extent = 1;  // elements before the first, and in all
};

// Strides of a random order of dimensions, with gaps and reversals; broadcast dimensions where `source`.
inline Layout layout(Rng& rng, const std::vector<int64_t>& shape, bool source) {
  Layout l;
  l.shape = shape;
  l.strides.assign(shape.size(), 0);
  std::vector<size_t> order(shape.size());
  std::iota(order.begin(), order.end(), 0);
  if (pick(rng, 0, 2) > 0)
    std::shuffle(order.begin(), order.end(), rng);
  else
    std::reverse(order.begin(), order.end());
  int64_t step = pick(rng, 0, 3) == 0 ? 2 : 1;
  for (size_t d : order) {
    if (source && pick(rng, 0, 5) == 0) continue;  // stride 0
    l.strides[d] = step;
    step *= std::max<int64_t>(1, shape[d]) + (pick(rng, 0, 4) == 0 ? 1 : 0);
    if (pick(rng, 0, 4) == 0 && shape[d] > 0) {
      l.offset += l.strides[d] * (shape[d] - 1);
      l.strides[d] = -l.strides[d];
    }
  }
  l.extent = std::max<int64_t>(1, step + l.offset);
  return l;
}

inline std::vector<int64_t> random_shape(Rng& rng) {
  std::vector<int64_t> shape(static_cast<size_t>(pick(rng, 0, 5)));
  for (int64_t& n : shape) n = pick(rng, 0, 12) == 0 ? 0 : pick(rng, 1, 7);
  // Sometimes large enough for several threads and for tiles.
  if (shape.size() >= 2 && pick(rng, 0, 7) == 0) shape[0] = pick(rng, 200, 400), shape[1] = pick(rng, 100, 300);
  if (shape.size() > 2 && shape[0] >= 200)
    for (size_t i = 2; i < shape.size(); ++i) shape[i] = std::min<int64_t>(shape[i], 2);
  return shape;
}

// Calls body(index) for every index in row-major order.
template <typename Body>
void each(const std::vector<int64_t>& shape, Body body) {
  std::vector<int64_t> index(shape.size(), 0);
  int64_t n = 1;
  for (int64_t size : shape) n *= size;
  for (int64_t i = 0; i < n; ++i) {
    body(index);
    for (size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
}

inline int64_t at(const Layout& l, const std::vector<int64_t>& index) {
  int64_t position = l.offset;
  for (size_t d = 0; d < index.size(); ++d) position += index[d] * l.strides[d];
  return position;
}

}  // namespace flambeau::test
