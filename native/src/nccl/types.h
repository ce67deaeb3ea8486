// How NCCL knows elements and operations.
#pragma once
#include <cstddef>
#include <string>

#include "flambeau/distributed.h"

namespace flambeau::distributed {

// An element is `parts` of NCCL's `type`; complex numbers are two real ones.
struct Elements {
  int type = 0;
  size_t parts = 1;
  int op = 0;
};

// Of values that are combined; otherwise says why not.
bool elements_of(DType dtype, ReduceOp op, Elements& elements, std::string& reason);
// Of values that are moved alone: bytes, so that every dtype can be.
Elements bytes_of(DType dtype);

}  // namespace flambeau::distributed
