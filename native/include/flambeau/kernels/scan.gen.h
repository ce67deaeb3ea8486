// Made by tools/codegen.mjs from native/include/flambeau/kernels/scan.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct ScanArgs {
  TensorView out;
  TensorView indices;
  TensorView input;
  int64_t dim;
  int64_t op;
};

struct ArgExtremeArgs {
  TensorView indices;
  TensorView values;
  TensorView input;
  int64_t dim;
  bool largest;
};

// Defined in src/cpu/scan.cpp.
namespace cpu {
Status scan(ScanArgs& args);
Status arg_extreme(ArgExtremeArgs& args);
}  // namespace cpu

}  // namespace flambeau
