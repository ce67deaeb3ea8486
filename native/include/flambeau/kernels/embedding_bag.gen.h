// Made by tools/codegen.mjs from native/include/flambeau/kernels/embedding_bag.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct EmbeddingBagArgs {
  TensorView out;
  TensorView bag_of;
  TensorView counts;
  TensorView maximum_at;
  TensorView weight;
  TensorView indices;
  TensorView offsets;
  TensorView sample_weights;
  int64_t mode;
  int64_t padding_index;
};

// Defined in src/cpu/embedding_bag.cpp.
namespace cpu {
Status embedding_bag(EmbeddingBagArgs& args);
}  // namespace cpu

}  // namespace flambeau
