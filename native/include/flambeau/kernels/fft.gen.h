// Made by tools/codegen.mjs from native/include/flambeau/kernels/fft.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct FftComplexArgs {
  TensorView out;
  TensorView input;
  int64_t dim;
  bool forward;
  double scale;
};

struct FftFromRealArgs {
  TensorView out;
  TensorView input;
  int64_t dim;
  bool forward;
  double scale;
};

struct FftToRealArgs {
  TensorView out;
  TensorView input;
  int64_t dim;
  bool forward;
  double scale;
};

// Defined in src/cpu/fft.cpp.
namespace cpu {
Status fft_complex(FftComplexArgs& args);
Status fft_from_real(FftFromRealArgs& args);
Status fft_to_real(FftToRealArgs& args);
}  // namespace cpu

}  // namespace flambeau
