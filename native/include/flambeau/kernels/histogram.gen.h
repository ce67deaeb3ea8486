// Made by tools/codegen.mjs from native/include/flambeau/kernels/histogram.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct HistcArgs {
  TensorView out;
  TensorView input;
  double low;
  double high;
};

struct BincountArgs {
  TensorView out;
  TensorView input;
  TensorView weights;
};

// Defined in src/cpu/histogram.cpp.
namespace cpu {
Status histc(HistcArgs& args);
Status bincount(BincountArgs& args);
}  // namespace cpu

}  // namespace flambeau
