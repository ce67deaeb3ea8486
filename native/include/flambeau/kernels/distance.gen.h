// Made by tools/codegen.mjs from native/include/flambeau/kernels/distance.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct DistancesArgs {
  TensorView out;
  TensorView a;
  TensorView b;
  double p;
};

struct DistancesBackwardArgs {
  TensorView out;
  TensorView grad;
  TensorView a;
  TensorView b;
  TensorView distances;
  double p;
};

// Defined in src/cpu/distance.cpp.
namespace cpu {
Status distances(DistancesArgs& args);
Status distances_backward(DistancesBackwardArgs& args);
}  // namespace cpu

}  // namespace flambeau
