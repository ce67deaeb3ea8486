// Made by tools/codegen.mjs from native/include/flambeau/kernels/strided_add.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct StridedAddArgs {
  TensorView out;
  TensorView input;
};

// Defined in src/cpu/strided_add.cpp.
namespace cpu {
Status strided_add(StridedAddArgs& args);
}  // namespace cpu

}  // namespace flambeau
