// Made by tools/codegen.mjs from native/include/flambeau/kernels/group_norm.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct GroupNormArgs {
  TensorView out;
  TensorView mean;
  TensorView rstd;
  TensorView input;
  TensorView weight;
  TensorView bias;
  double eps;
};

struct GroupNormBackwardArgs {
  TensorView grad;
  TensorView grad_input;
  TensorView grad_weight;
  TensorView grad_bias;
  TensorView input;
  TensorView weight;
  TensorView mean;
  TensorView rstd;
};

// Defined in src/cpu/group_norm.cpp.
namespace cpu {
Status group_norm(GroupNormArgs& args);
Status group_norm_backward(GroupNormBackwardArgs& args);
}  // namespace cpu

}  // namespace flambeau
