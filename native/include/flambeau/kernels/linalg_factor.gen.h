// Made by tools/codegen.mjs from native/include/flambeau/kernels/linalg_factor.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct LuFactorArgs {
  TensorView lu;
  TensorView pivots;
  TensorView info;
};

struct LuSolveArgs {
  TensorView x;
  TensorView lu;
  TensorView pivots;
  int64_t transpose;
};

struct CholeskyFactorArgs {
  TensorView factor;
  TensorView info;
  bool upper;
};

struct LdlFactorArgs {
  TensorView ld;
  TensorView pivots;
  TensorView info;
  bool hermitian;
};

struct LdlSolveArgs {
  TensorView x;
  TensorView ld;
  TensorView pivots;
  bool hermitian;
};

struct TriangularSolveArgs {
  TensorView x;
  TensorView a;
  bool upper;
  int64_t transpose;
  bool unit;
  bool left;
};

struct PivotsToPermutationArgs {
  TensorView permutation;
  TensorView pivots;
};

struct CheckInfoArgs {
  TensorView info;
};

// Defined in src/cpu/linalg_factor.cpp.
namespace cpu {
Status lu_factor(LuFactorArgs& args);
Status lu_solve(LuSolveArgs& args);
Status cholesky_factor(CholeskyFactorArgs& args);
Status ldl_factor(LdlFactorArgs& args);
Status ldl_solve(LdlSolveArgs& args);
Status triangular_solve(TriangularSolveArgs& args);
Status pivots_to_permutation(PivotsToPermutationArgs& args);
Status check_info(CheckInfoArgs& args);
}  // namespace cpu

}  // namespace flambeau
