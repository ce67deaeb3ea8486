// Made by tools/codegen.mjs from native/include/flambeau/kernels/indexing.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct IndexGetArgs {
  TensorView out;
  TensorView input;
  TensorList indices;
  IntList sizes;
  IntList strides;
  bool wrap;
};

struct IndexSetArgs {
  TensorView out;
  TensorView values;
  TensorList indices;
  IntList sizes;
  IntList strides;
  bool wrap;
  int64_t reduce;
};

struct CountNonzeroElementsArgs {
  TensorView out;
  TensorView input;
};

struct NonzeroArgs {
  TensorView out;
  TensorView input;
};

struct MaskedGatherArgs {
  TensorView out;
  TensorView input;
  TensorView mask;
};

struct MaskedPutArgs {
  TensorView out;
  TensorView mask;
  TensorView source;
};

struct TriangleArgs {
  TensorView out;
  TensorView input;
  int64_t diagonal;
  bool upper;
};

// Defined in src/cpu/indexing.cpp.
namespace cpu {
Status index_get(IndexGetArgs& args);
Status index_set(IndexSetArgs& args);
Status count_nonzero_elements(CountNonzeroElementsArgs& args);
Status nonzero(NonzeroArgs& args);
Status masked_gather(MaskedGatherArgs& args);
Status masked_put(MaskedPutArgs& args);
Status triangle(TriangleArgs& args);
}  // namespace cpu

}  // namespace flambeau
