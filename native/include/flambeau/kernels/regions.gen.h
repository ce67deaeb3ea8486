// Made by tools/codegen.mjs from native/include/flambeau/kernels/regions.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct RoiAlignArgs {
  TensorView out;
  TensorView input;
  TensorView rois;
  double scale;
  int64_t sampling;
  bool aligned;
};

struct RoiAlignBackwardArgs {
  TensorView grad_input;
  TensorView grad;
  TensorView rois;
  double scale;
  int64_t sampling;
  bool aligned;
};

struct RoiMaxPositionsArgs {
  TensorView indices;
  TensorView input;
  TensorView rois;
  double scale;
};

// Defined in src/cpu/regions.cpp.
namespace cpu {
Status roi_align(RoiAlignArgs& args);
Status roi_align_backward(RoiAlignBackwardArgs& args);
Status roi_max_positions(RoiMaxPositionsArgs& args);
}  // namespace cpu

}  // namespace flambeau
