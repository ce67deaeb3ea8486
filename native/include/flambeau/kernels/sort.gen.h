// Made by tools/codegen.mjs from native/include/flambeau/kernels/sort.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct SortArgs {
  TensorView values;
  TensorView indices;
  TensorView input;
  int64_t dim;
  bool descending;
  bool stable;
};

struct TopkArgs {
  TensorView values;
  TensorView indices;
  TensorView input;
  int64_t dim;
  bool largest;
  bool sorted;
};

struct KthValueArgs {
  TensorView values;
  TensorView indices;
  TensorView input;
  int64_t dim;
  int64_t k;
};

struct ModeArgs {
  TensorView values;
  TensorView indices;
  TensorView input;
  int64_t dim;
};

struct SearchsortedArgs {
  TensorView out;
  TensorView boundaries;
  TensorView values;
  TensorView sorter;
  bool right;
};

struct SortRowsArgs {
  TensorView order;
  TensorView input;
};

struct FindRunsArgs {
  TensorView run;
  TensorView first;
  TensorView count;
  TensorView input;
  TensorView order;
};

// Defined in src/cpu/sort.cpp.
namespace cpu {
Status sort(SortArgs& args);
Status topk(TopkArgs& args);
Status kth_value(KthValueArgs& args);
Status mode(ModeArgs& args);
Status searchsorted(SearchsortedArgs& args);
Status sort_rows(SortRowsArgs& args);
Status find_runs(FindRunsArgs& args);
}  // namespace cpu

}  // namespace flambeau
