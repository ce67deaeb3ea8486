// The arithmetic of the elementwise evaluator: one function for each micro-op and compute type, for the ISA at hand.
#pragma once
#include <cstdint>

#include "flambeau/dtype.h"
#include "flambeau/micro_ops.gen.h"

namespace flambeau::cpu {

// dst[i] = op(a[i], b[i], c[i]) for i < n; operands past the arity are ignored; dst may be one of them.
using MicroFunction = void (*)(void* dst, const void* a, const void* b, const void* c, int64_t n);

// nullptr where the compute type (f32, f64, i32, i64, c64 or c128) has no such op.
MicroFunction micro_function(MicroOp op, DType compute);
// The same where some operands are one number each (bit k of `repeated` for operand k); nullptr where there is none.
MicroFunction repeating_micro_function(MicroOp op, DType compute, int repeated);
// Those of complex numbers that an ISA helps; `compute` is c64 or c128.
MicroFunction complex_micro_function(MicroOp op, DType compute);
// Those that are compiled once, since no ISA helps them.
MicroFunction scalar_micro_function(MicroOp op, DType compute);

}  // namespace flambeau::cpu
