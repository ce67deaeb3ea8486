// Made by tools/codegen.mjs from native/include/flambeau/kernels/linalg_spectral.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct SingularValuesArgs {
  TensorView s;
  TensorView u;
  TensorView vh;
  TensorView info;
  TensorView a;
};

struct EigenHermitianArgs {
  TensorView a;
  TensorView w;
  TensorView info;
  bool upper;
  bool vectors;
};

struct EigenArgs {
  TensorView w;
  TensorView v;
  TensorView info;
  TensorView a;
};

// Defined in src/cpu/linalg_spectral.cpp.
namespace cpu {
Status singular_values(SingularValuesArgs& args);
Status eigen_hermitian(EigenHermitianArgs& args);
Status eigen(EigenArgs& args);
}  // namespace cpu

}  // namespace flambeau
