// Made by tools/codegen.mjs from native/include/flambeau/kernels/pooling.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct MaxPoolArgs {
  TensorView out;
  TensorView indices;
  TensorView input;
  IntList kernel;
  IntList stride;
  IntList padding;
  IntList dilation;
  bool adaptive;
};

struct MaxPoolScatterArgs {
  TensorView grad_input;
  TensorView grad;
  TensorView indices;
  int64_t spatial;
};

struct MaxPoolGatherArgs {
  TensorView out;
  TensorView input;
  TensorView indices;
  int64_t spatial;
};

struct AvgPoolArgs {
  TensorView out;
  TensorView input;
  IntList kernel;
  IntList stride;
  IntList padding;
  bool adaptive;
  bool include_padding;
  int64_t divisor;
};

struct AvgPoolBackwardArgs {
  TensorView grad_input;
  TensorView grad;
  IntList kernel;
  IntList stride;
  IntList padding;
  bool adaptive;
  bool include_padding;
  int64_t divisor;
};

// Defined in src/cpu/pooling.cpp.
namespace cpu {
Status max_pool(MaxPoolArgs& args);
Status max_pool_scatter(MaxPoolScatterArgs& args);
Status max_pool_gather(MaxPoolGatherArgs& args);
Status avg_pool(AvgPoolArgs& args);
Status avg_pool_backward(AvgPoolBackwardArgs& args);
}  // namespace cpu

}  // namespace flambeau
