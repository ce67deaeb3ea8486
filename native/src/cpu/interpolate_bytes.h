// Resizing of bytes with 16-bit fixed-point weights, as Pillow does it: rounded after each dimension, the last one
// first.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "flambeau/call.h"
#include "interpolate_taps.h"

namespace flambeau::cpu {

// Element i is the sum of weights(i)[k] · source[start[i] + k], 0 ≤ k < width, over 2^bits. All elements have as many
// weights, a multiple of 4, of which the last ones may be 0 and beyond the sources.
struct ByteTaps {
  std::vector<int64_t> start, count;
  std::vector<int16_t> weight;
  int64_t width = 0, sources = 0;
  int bits = 0;

  explicit ByteTaps(const Taps<double>& taps);
  int64_t size() const { return static_cast<int64_t>(start.size()); }
  const int16_t* weights(int64_t i) const { return weight.data() + i * width; }
};

// Planes that are resized together: their bytes are interleaved, four a pixel.
struct BytePlanes {
  std::array<const uint8_t*, 4> in{};
  std::array<uint8_t*, 4> out{};
  int64_t count = 0, row_step = 0, step = 0;
};

// Bytes behind each row of pixels that may be read.
inline constexpr int64_t kSlack = 32;

// Resizes the last two dimensions of `in`, of any strides, to those of `out`, which is contiguous. A dimension whose
// size stays is left out.
void resize_bytes(const TensorView& out, const TensorView& in, const ByteTaps& high, const ByteTaps& wide);

}  // namespace flambeau::cpu
