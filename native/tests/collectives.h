// Collectives that the tests of several engines ask for.
#pragma once
#include <cstdint>
#include <vector>

#include "flambeau/distributed.h"

namespace flambeau::distributed {

template <typename T>
Collective sum_of(DType dtype, std::vector<T>& values) {
  Collective c;
  c.kind = Kind::all_reduce;
  c.dtype = dtype;
  c.data = values.data();
  c.count = static_cast<int64_t>(values.size());
  c.shape = {c.count};
  c.timeout = Milliseconds(60000);
  return c;
}

}  // namespace flambeau::distributed
