// Made by tools/codegen.mjs from native/include/flambeau/kernels/fractional_pooling.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct FractionalMaxPoolArgs {
  TensorView out;
  TensorView indices;
  TensorView input;
  TensorView samples;
  IntList kernel;
};

// Defined in src/cpu/fractional_pooling.cpp.
namespace cpu {
Status fractional_max_pool(FractionalMaxPoolArgs& args);
}  // namespace cpu

}  // namespace flambeau
