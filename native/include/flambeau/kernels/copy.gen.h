// Made by tools/codegen.mjs from native/include/flambeau/kernels/copy.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct CopyArgs {
  TensorView out;
  TensorView input;
};

struct FillArgs {
  TensorView out;
  Scalar value;
};

// Defined in src/cpu/copy.cpp.
namespace cpu {
Status copy(CopyArgs& args);
Status fill(FillArgs& args);
}  // namespace cpu

}  // namespace flambeau
