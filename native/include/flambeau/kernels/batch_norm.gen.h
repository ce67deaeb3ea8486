// Made by tools/codegen.mjs from native/include/flambeau/kernels/batch_norm.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct BatchNormArgs {
  TensorView out;
  TensorView mean;
  TensorView invstd;
  TensorView input;
  TensorView weight;
  TensorView bias;
  TensorView running_mean;
  TensorView running_var;
  bool training;
  double momentum;
  double eps;
};

struct BatchNormBackwardArgs {
  TensorView grad_input;
  TensorView grad_weight;
  TensorView grad_bias;
  TensorView grad;
  TensorView input;
  TensorView weight;
  TensorView mean;
  TensorView invstd;
  bool training;
};

// Defined in src/cpu/batch_norm.cpp.
namespace cpu {
Status batch_norm(BatchNormArgs& args);
Status batch_norm_backward(BatchNormBackwardArgs& args);
}  // namespace cpu

}  // namespace flambeau
