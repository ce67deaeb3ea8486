// The transforms of Winograd's F(4×4, 3×3): tiles of a plane and filters to 36 frequencies, and back.
#pragma once
#include <cstdint>

namespace flambeau::cpu {

// Pixels of 8 channels: [height][width][8]. Reading outside of it gives 0, writing there does nothing.
template <typename T>
struct Plane {
  T* data;
  int64_t height, width;
};

// Each takes 8 channels of one tile, whose upper left pixel is (y, x); frequency f lies at u + f * stride, 8 channels
// side by side.
struct WinogradTransforms {
  // The 6×6 pixels that 4×4 results need.
  void (*input)(float* u, int64_t stride, Plane<const float> plane, int64_t y, int64_t x);
  // 4×4 results, with 8 numbers of `bias` added where it is not null.
  void (*output)(Plane<float> plane, int64_t y, int64_t x, const float* u, int64_t stride, const float* bias);
  // The gradient of 4×4 results.
  void (*gradient)(float* u, int64_t stride, Plane<const float> plane, int64_t y, int64_t x);
  // 8 filters of 3×3 that lie `step` apart; `turned` by 180 degrees for the gradient of the input.
  void (*filter)(float* u, int64_t stride, const float* filters, int64_t step, bool turned);
  // The gradient of 8 filters of 3×3, one after the other.
  void (*filter_gradient)(float* filters, const float* u, int64_t stride);
};

WinogradTransforms winograd_transforms();

}  // namespace flambeau::cpu
