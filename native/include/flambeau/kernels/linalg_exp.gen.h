// Made by tools/codegen.mjs from native/include/flambeau/kernels/linalg_exp.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct MatrixExpArgs {
  TensorView out;
  TensorView input;
};

// Defined in src/cpu/linalg_exp.cpp.
namespace cpu {
Status matrix_exp(MatrixExpArgs& args);
}  // namespace cpu

}  // namespace flambeau
