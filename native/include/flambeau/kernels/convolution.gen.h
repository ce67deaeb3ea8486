// Made by tools/codegen.mjs from native/include/flambeau/kernels/convolution.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct ConvolutionArgs {
  TensorView out;
  TensorView input;
  TensorView weight;
  TensorView bias;
  IntList stride;
  IntList padding;
  IntList dilation;
  int64_t groups;
};

struct ConvolutionBackwardInputArgs {
  TensorView grad_input;
  TensorView grad;
  TensorView weight;
  IntList stride;
  IntList padding;
  IntList dilation;
  int64_t groups;
};

struct ConvolutionBackwardWeightArgs {
  TensorView grad_weight;
  TensorView grad_bias;
  TensorView grad;
  TensorView input;
  IntList stride;
  IntList padding;
  IntList dilation;
  int64_t groups;
};

// Defined in src/cpu/convolution.cpp.
namespace cpu {
Status convolution(ConvolutionArgs& args);
Status convolution_backward_input(ConvolutionBackwardInputArgs& args);
Status convolution_backward_weight(ConvolutionBackwardWeightArgs& args);
}  // namespace cpu

}  // namespace flambeau
