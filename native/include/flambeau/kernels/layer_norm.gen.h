// Made by tools/codegen.mjs from native/include/flambeau/kernels/layer_norm.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct LayerNormArgs {
  TensorView out;
  TensorView mean;
  TensorView rstd;
  TensorView input;
  TensorView weight;
  TensorView bias;
  double eps;
};

struct LayerNormBackwardArgs {
  TensorView grad;
  TensorView out;
  TensorView weight_grad;
  TensorView bias_grad;
  TensorView input;
  TensorView mean;
  TensorView rstd;
  TensorView weight;
};

// Defined in src/cpu/layer_norm.cpp.
namespace cpu {
Status layer_norm(LayerNormArgs& args);
Status layer_norm_backward(LayerNormBackwardArgs& args);
}  // namespace cpu

}  // namespace flambeau
