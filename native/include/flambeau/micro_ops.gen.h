// Made by tools/codegen.mjs from native/include/flambeau/micro_ops.def. Do not edit.
#pragma once

namespace flambeau {

enum class MicroOp : int {
  add_,
  sub_,
  mul_,
  div_,
  count
};
inline constexpr int kNumMicroOps = static_cast<int>(MicroOp::count);
inline constexpr int kMicroArity[] = {2, 2, 2, 2};

}  // namespace flambeau

// X(name, arity) for each micro-op that real floating-point, integer and complex compute types have.
#define FLAMBEAU_MICRO_OPS_FLOAT(X) \
  X(add, 2) \
  X(sub, 2) \
  X(mul, 2) \
  X(div, 2)

#define FLAMBEAU_MICRO_OPS_INT(X) \
  X(add, 2) \
  X(sub, 2) \
  X(mul, 2)

#define FLAMBEAU_MICRO_OPS_COMPLEX(X) \
  X(add, 2) \
  X(sub, 2) \
  X(mul, 2) \
  X(div, 2)
