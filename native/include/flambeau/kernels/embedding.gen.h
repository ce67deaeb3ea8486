// Made by tools/codegen.mjs from native/include/flambeau/kernels/embedding.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct EmbeddingArgs {
  TensorView out;
  TensorView weight;
  TensorView indices;
};

struct EmbeddingBackwardArgs {
  TensorView out;
  TensorView grad;
  TensorView indices;
  int64_t padding_index;
  bool scale_by_frequency;
};

// Defined in src/cpu/embedding.cpp.
namespace cpu {
Status embedding(EmbeddingArgs& args);
Status embedding_backward(EmbeddingBackwardArgs& args);
}  // namespace cpu

}  // namespace flambeau
