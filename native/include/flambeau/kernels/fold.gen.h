// Made by tools/codegen.mjs from native/include/flambeau/kernels/fold.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct UnfoldWindowsArgs {
  TensorView out;
  TensorView input;
  IntList kernel;
  IntList dilation;
  IntList padding;
  IntList stride;
};

struct FoldWindowsArgs {
  TensorView out;
  TensorView input;
  IntList kernel;
  IntList dilation;
  IntList padding;
  IntList stride;
};

// Defined in src/cpu/fold.cpp.
namespace cpu {
Status unfold_windows(UnfoldWindowsArgs& args);
Status fold_windows(FoldWindowsArgs& args);
}  // namespace cpu

}  // namespace flambeau
