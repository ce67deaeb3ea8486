// Made by tools/codegen.mjs from native/include/flambeau/kernels/elementwise.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct ElementwiseArgs {
  TensorList outs;
  TensorList ins;
  ScalarList constants;
  IntList code;
  IntList results;
  DType compute;
};

// Defined in src/cpu/elementwise.cpp.
namespace cpu {
Status elementwise(ElementwiseArgs& args);
}  // namespace cpu

}  // namespace flambeau
