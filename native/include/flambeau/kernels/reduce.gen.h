// Made by tools/codegen.mjs from native/include/flambeau/kernels/reduce.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct ReduceArgs {
  TensorView out;
  TensorView input;
  int64_t op;
  double param;
};

struct VarianceArgs {
  TensorView out;
  TensorView mean;
  TensorView input;
  double correction;
  bool root;
};

// Defined in src/cpu/reduce.cpp.
namespace cpu {
Status reduce(ReduceArgs& args);
Status variance(VarianceArgs& args);
}  // namespace cpu

}  // namespace flambeau
