// Made by tools/codegen.mjs from native/include/flambeau/kernels/matmul.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct MatmulArgs {
  TensorView out;
  TensorView a;
  TensorView b;
  TensorView bias;
};

// Defined in src/cpu/matmul.cpp.
namespace cpu {
Status matmul(MatmulArgs& args);
}  // namespace cpu

}  // namespace flambeau
