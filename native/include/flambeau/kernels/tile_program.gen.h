// Made by tools/codegen.mjs from native/include/flambeau/kernels/tile_program.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

struct TileProgramArgs {
  TensorList outs;
  TensorList ins;
  TensorList row_ins;
  ScalarList constants;
  IntList code;
  IntList results;
  int64_t rows;
  int64_t row;
  DType compute;
};

// Defined in src/cpu/tile_program.cpp.
namespace cpu {
Status tile_program(TileProgramArgs& args);
}  // namespace cpu

}  // namespace flambeau
