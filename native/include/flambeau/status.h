// What a kernel found wrong with the *values* it was given. The host turns it into an error; nothing was written.
#pragma once
#include <cstdint>

namespace flambeau {

// The order is the code used by packages/core/src/binding/status.ts.
enum class StatusCode : int32_t {
  ok = 0,
  no_kernel,           // the backend has no such kernel
  unsupported_dtype,   // the kernel has no implementation for value = dtype code
  index_out_of_range,  // element `position` of the index tensor is `value`, not in [-limit, limit) or [0, limit)
  out_of_memory,       // a workspace of `value` bytes could not be allocated
  invalid_value,       // element `position` holds a value outside of the operator's domain
  engine_error,        // a library below refused with code `value`; limit 1: the device failed, 2: it is missing
  singular,            // matrix `position` of the batch is singular (pivot `value`)
};

struct Status {
  StatusCode code = StatusCode::ok;
  int64_t position = 0;
  int64_t value = 0;
  int64_t limit = 0;
  int kernel = -1;  // the failed kernel, where a queue reports it later
  bool ok() const { return code == StatusCode::ok; }
};

}  // namespace flambeau
