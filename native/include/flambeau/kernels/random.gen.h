// Made by tools/codegen.mjs from native/include/flambeau/kernels/random.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct GeneratorSeedArgs {
  TensorView state;
  Scalar seed;
};

struct RandomFillArgs {
  TensorView out;
  TensorView state;
  int64_t distribution;
  Scalar a;
  Scalar b;
};

struct RandomBernoulliArgs {
  TensorView out;
  TensorView p;
  TensorView state;
};

struct RandomPermutationArgs {
  TensorView out;
  TensorView state;
};

struct RandomMultinomialArgs {
  TensorView out;
  TensorView weights;
  TensorView state;
  bool replacement;
};

struct DropoutArgs {
  TensorView out;
  TensorView mask;
  TensorView input;
  TensorView state;
  double keep;
  double scale;
};

struct MaskScaleArgs {
  TensorView out;
  TensorView input;
  TensorView mask;
  double scale;
};

// Defined in src/cpu/random.cpp.
namespace cpu {
Status generator_seed(GeneratorSeedArgs& args);
Status random_fill(RandomFillArgs& args);
Status random_bernoulli(RandomBernoulliArgs& args);
Status random_permutation(RandomPermutationArgs& args);
Status random_multinomial(RandomMultinomialArgs& args);
Status dropout(DropoutArgs& args);
Status mask_scale(MaskScaleArgs& args);
}  // namespace cpu

}  // namespace flambeau
