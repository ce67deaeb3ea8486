// Made by tools/codegen.mjs from native/include/flambeau/kernels/creation.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct ArangeArgs {
  TensorView out;
  Scalar start;
  Scalar step;
};

struct LinspaceArgs {
  TensorView out;
  Scalar start;
  Scalar end;
};

struct LogspaceArgs {
  TensorView out;
  Scalar start;
  Scalar end;
  double base;
};

// Defined in src/cpu/creation.cpp.
namespace cpu {
Status arange(ArangeArgs& args);
Status linspace(LinspaceArgs& args);
Status logspace(LogspaceArgs& args);
}  // namespace cpu

}  // namespace flambeau
