// Made by tools/codegen.mjs from native/include/flambeau/kernels/ctc_loss.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct CtcLossArgs {
  TensorView losses;
  TensorView alpha;
  TensorView log_probs;
  TensorView targets;
  TensorView input_lengths;
  TensorView target_lengths;
  int64_t target_stride;
  int64_t blank;
};

struct CtcLossBackwardArgs {
  TensorView grad_input;
  TensorView grad;
  TensorView losses;
  TensorView alpha;
  TensorView log_probs;
  TensorView targets;
  TensorView input_lengths;
  TensorView target_lengths;
  int64_t target_stride;
  int64_t blank;
  bool zero_infinity;
};

// Defined in src/cpu/ctc_loss.cpp.
namespace cpu {
Status ctc_loss(CtcLossArgs& args);
Status ctc_loss_backward(CtcLossBackwardArgs& args);
}  // namespace cpu

}  // namespace flambeau
