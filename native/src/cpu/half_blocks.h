// Contiguous elements between the half types and float32, for the ISA at hand; the same bits as one by one.
#pragma once
#include <cstdint>

#include "flambeau/dtype.h"

namespace flambeau::cpu {

void load_half(float* dst, const float16* src, int64_t n);
void load_half(float* dst, const bfloat16* src, int64_t n);
void store_half(float16* dst, const float* src, int64_t n);
void store_half(bfloat16* dst, const float* src, int64_t n);

}  // namespace flambeau::cpu
