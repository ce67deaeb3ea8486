// Made by tools/codegen.mjs from native/include/flambeau/kernels/optim.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct SgdStepArgs {
  TensorList params;
  TensorList grads;
  TensorList states;
  FloatList hyper;
};

struct AdamStepArgs {
  TensorList params;
  TensorList grads;
  TensorList states;
  FloatList hyper;
};

struct RmspropStepArgs {
  TensorList params;
  TensorList grads;
  TensorList states;
  FloatList hyper;
};

struct AdagradStepArgs {
  TensorList params;
  TensorList grads;
  TensorList states;
  FloatList hyper;
};

struct AdadeltaStepArgs {
  TensorList params;
  TensorList grads;
  TensorList states;
  FloatList hyper;
};

struct AdamaxStepArgs {
  TensorList params;
  TensorList grads;
  TensorList states;
  FloatList hyper;
};

struct NadamStepArgs {
  TensorList params;
  TensorList grads;
  TensorList states;
  FloatList hyper;
};

struct RadamStepArgs {
  TensorList params;
  TensorList grads;
  TensorList states;
  FloatList hyper;
};

struct AsgdStepArgs {
  TensorList params;
  TensorList grads;
  TensorList states;
  FloatList hyper;
};

struct RpropStepArgs {
  TensorList params;
  TensorList grads;
  TensorList states;
  FloatList hyper;
};

// Defined in src/cpu/optim.cpp.
namespace cpu {
Status sgd_step(SgdStepArgs& args);
Status adam_step(AdamStepArgs& args);
Status rmsprop_step(RmspropStepArgs& args);
Status adagrad_step(AdagradStepArgs& args);
Status adadelta_step(AdadeltaStepArgs& args);
Status adamax_step(AdamaxStepArgs& args);
Status nadam_step(NadamStepArgs& args);
Status radam_step(RadamStepArgs& args);
Status asgd_step(AsgdStepArgs& args);
Status rprop_step(RpropStepArgs& args);
}  // namespace cpu

}  // namespace flambeau
