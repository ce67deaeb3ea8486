// Made by tools/codegen.mjs from native/include/flambeau/kernels/nll_loss.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct NllLossArgs {
  TensorView out;
  TensorView total_weight;
  TensorView input;
  TensorView target;
  TensorView weight;
  int64_t reduction;
  int64_t ignore_index;
};

struct NllLossBackwardArgs {
  TensorView out;
  TensorView grad;
  TensorView target;
  TensorView weight;
  TensorView total_weight;
  int64_t reduction;
  int64_t ignore_index;
};

// Defined in src/cpu/nll_loss.cpp.
namespace cpu {
Status nll_loss(NllLossArgs& args);
Status nll_loss_backward(NllLossBackwardArgs& args);
}  // namespace cpu

}  // namespace flambeau
