// Arithmetic of contiguous half types for the ISA at hand: computed in float32 and rounded once, with nothing in memory
// in between; the same bits as by way of blocks of floats.
#pragma once
#include <cstdint>

#include "flambeau/dtype.h"

namespace flambeau::cpu {

enum class HalfOp : int { add, sub, mul, div };

// dst = op(a, b); dst may be one of them.
void half_arithmetic(HalfOp op, float16* dst, const float16* a, const float16* b, int64_t n);
void half_arithmetic(HalfOp op, bfloat16* dst, const bfloat16* a, const bfloat16* b, int64_t n);

}  // namespace flambeau::cpu
