// 3×3 convolutions of stride 1 in float32 by Winograd's F(4×4, 3×3), which multiplies a quarter as often: for tensors
// in blocks of 8 channels, where oneDNN has it only for blocks of 16.
#pragma once
#include <cstdint>

namespace flambeau::cpu::winograd {

// A convolution of `in` with `pad` rows and columns of zeros before its first; what the last windows reach past its end
// is zero too.
struct Shape {
  int64_t batch;
  int64_t in_channels, in_height, in_width;
  int64_t out_channels, out_height, out_width;
  int64_t pad_height, pad_width;
};

// Whether channels and image are such that this is faster than a direct convolution. A function of the shape only.
bool worthwhile(const Shape& shape);

// Activations are blocked, weights and bias (null for none) plain.
void forward(float* out, const float* in, const float* weight, const float* bias, const Shape& shape);
void backward_input(float* grad_in, const float* grad_out, const float* weight, const Shape& shape);
void backward_weight(float* grad_weight, float* grad_bias, const float* grad_out, const float* in, const Shape& shape);

}  // namespace flambeau::cpu::winograd
