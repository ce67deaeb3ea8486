// Made by tools/codegen.mjs from native/include/flambeau/kernels/linalg_orthogonal.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct QrFactorArgs {
  TensorView a;
  TensorView tau;
};

struct HouseholderProductArgs {
  TensorView q;
  TensorView tau;
};

struct HouseholderMultiplyArgs {
  TensorView c;
  TensorView a;
  TensorView tau;
  bool left;
  bool transpose;
};

struct LeastSquaresArgs {
  TensorView b;
  TensorView a;
  TensorView rank;
  TensorView singular;
  TensorView info;
  int64_t driver;
  double rcond;
};

// Defined in src/cpu/linalg_orthogonal.cpp.
namespace cpu {
Status qr_factor(QrFactorArgs& args);
Status householder_product(HouseholderProductArgs& args);
Status householder_multiply(HouseholderMultiplyArgs& args);
Status least_squares(LeastSquaresArgs& args);
}  // namespace cpu

}  // namespace flambeau
