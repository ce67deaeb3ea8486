// Convolution of any dtype by unfolding (im2col) and matrix products; operands are contiguous.
#pragma once
#include "flambeau/call.h"
#include "flambeau/status.h"

namespace flambeau::cpu::unfold {

Status forward(const TensorView& out, const TensorView& input, const TensorView& weight, const TensorView& bias,
               const IntList& stride, const IntList& padding, const IntList& dilation, int64_t groups);
Status backward_input(const TensorView& grad_input, const TensorView& grad, const TensorView& weight,
                      const IntList& stride, const IntList& padding, const IntList& dilation, int64_t groups);
Status backward_weight(const TensorView& grad_weight, const TensorView& grad_bias, const TensorView& grad,
                       const TensorView& input, const IntList& stride, const IntList& padding, const IntList& dilation,
                       int64_t groups);

}  // namespace flambeau::cpu::unfold
