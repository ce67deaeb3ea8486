// Made by tools/codegen.mjs from native/include/flambeau/kernels/rnn.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct RnnLayerArgs {
  TensorView out;
  TensorView h;
  TensorView c;
  TensorView saved;
  TensorView cells;
  TensorView gates;
  TensorView weight;
  TensorView bias;
  IntList sizes;
  int64_t cell;
  bool reverse;
};

struct RnnLayerBackwardArgs {
  TensorView gates_grad;
  TensorView hidden_grad;
  TensorView before;
  TensorView h;
  TensorView c;
  TensorView out_grad;
  TensorView out;
  TensorView saved;
  TensorView cells;
  TensorView first_h;
  TensorView first_c;
  TensorView weight;
  IntList sizes;
  int64_t cell;
  bool reverse;
};

// Defined in src/cpu/rnn.cpp.
namespace cpu {
Status rnn_layer(RnnLayerArgs& args);
Status rnn_layer_backward(RnnLayerBackwardArgs& args);
}  // namespace cpu

}  // namespace flambeau
