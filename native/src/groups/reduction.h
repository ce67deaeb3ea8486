// What two ranks' values are combined by.
#pragma once
#include <cstddef>

#include "flambeau/distributed.h"

namespace flambeau::distributed {

// out[i] = a[i] op b[i]; out may be a or b. nullptr where the dtype has no such operation.
using Combine = void (*)(void* out, const void* a, const void* b, size_t count);
Combine combine_of(ReduceOp op, DType dtype);

// data[i] = data[i] * factor, in float32 for the 16-bit ones; false for dtypes that are not floating or complex.
bool scale(DType dtype, void* data, double factor, size_t count);

}  // namespace flambeau::distributed
