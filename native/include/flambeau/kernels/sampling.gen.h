// Made by tools/codegen.mjs from native/include/flambeau/kernels/sampling.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct SamplePoissonArgs {
  TensorView out;
  TensorView rate;
  TensorView state;
};

struct SampleGammaArgs {
  TensorView out;
  TensorView alpha;
  TensorView state;
};

struct SampleBinomialArgs {
  TensorView out;
  TensorView count;
  TensorView p;
  TensorView state;
};

struct GammaSampleGradArgs {
  TensorView out;
  TensorView alpha;
  TensorView x;
};

struct DirichletSampleGradArgs {
  TensorView out;
  TensorView x;
  TensorView alpha;
  TensorView total;
};

// Defined in src/cpu/sampling.cpp.
namespace cpu {
Status sample_poisson(SamplePoissonArgs& args);
Status sample_gamma(SampleGammaArgs& args);
Status sample_binomial(SampleBinomialArgs& args);
Status gamma_sample_grad(GammaSampleGradArgs& args);
Status dirichlet_sample_grad(DirichletSampleGradArgs& args);
}  // namespace cpu

}  // namespace flambeau
