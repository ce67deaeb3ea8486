// Made by tools/codegen.mjs from native/include/flambeau/kernels/attention.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct AttentionArgs {
  TensorView out;
  TensorView log_sum;
  TensorView query;
  TensorView key;
  TensorView value;
  TensorView mask;
  double scale;
  bool causal;
};

struct AttentionBackwardArgs {
  TensorView query_grad;
  TensorView key_grad;
  TensorView value_grad;
  TensorView grad;
  TensorView out;
  TensorView log_sum;
  TensorView query;
  TensorView key;
  TensorView value;
  TensorView mask;
  double scale;
  bool causal;
};

// Defined in src/cpu/attention.cpp.
namespace cpu {
Status attention(AttentionArgs& args);
Status attention_backward(AttentionBackwardArgs& args);
}  // namespace cpu

}  // namespace flambeau
