// Made by tools/codegen.mjs from native/include/flambeau/kernels/filter.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct LinearFilterArgs {
  TensorView out;
  TensorView input;
  TensorView a;
  TensorView b;
};

// Defined in src/cpu/filter.cpp.
namespace cpu {
Status linear_filter(LinearFilterArgs& args);
}  // namespace cpu

}  // namespace flambeau
