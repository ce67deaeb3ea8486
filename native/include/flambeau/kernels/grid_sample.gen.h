// Made by tools/codegen.mjs from native/include/flambeau/kernels/grid_sample.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct GridSampleArgs {
  TensorView out;
  TensorView input;
  TensorView grid;
  int64_t mode;
  int64_t padding;
  bool align_corners;
};

struct GridSampleInputBackwardArgs {
  TensorView grad_input;
  TensorView grad;
  TensorView grid;
  int64_t mode;
  int64_t padding;
  bool align_corners;
};

struct GridSampleGridBackwardArgs {
  TensorView grad_grid;
  TensorView grad;
  TensorView input;
  TensorView grid;
  int64_t mode;
  int64_t padding;
  bool align_corners;
};

// Defined in src/cpu/grid_sample.cpp.
namespace cpu {
Status grid_sample(GridSampleArgs& args);
Status grid_sample_input_backward(GridSampleInputBackwardArgs& args);
Status grid_sample_grid_backward(GridSampleGridBackwardArgs& args);
}  // namespace cpu

}  // namespace flambeau
