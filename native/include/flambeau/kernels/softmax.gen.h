// Made by tools/codegen.mjs from native/include/flambeau/kernels/softmax.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct SoftmaxArgs {
  TensorView out;
  TensorView input;
  int64_t dim;
  bool log;
};

struct SoftmaxBackwardArgs {
  TensorView out;
  TensorView grad;
  TensorView output;
  int64_t dim;
  bool log;
};

// Defined in src/cpu/softmax.cpp.
namespace cpu {
Status softmax(SoftmaxArgs& args);
Status softmax_backward(SoftmaxBackwardArgs& args);
}  // namespace cpu

}  // namespace flambeau
