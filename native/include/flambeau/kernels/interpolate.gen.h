// Made by tools/codegen.mjs from native/include/flambeau/kernels/interpolate.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct InterpolateArgs {
  TensorView out;
  TensorView input;
  FloatList scales;
  int64_t mode;
  bool align_corners;
  bool transposed;
};

// Defined in src/cpu/interpolate.cpp.
namespace cpu {
Status interpolate(InterpolateArgs& args);
}  // namespace cpu

}  // namespace flambeau
