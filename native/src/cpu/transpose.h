// Transposing blocks of a matrix, for the ISA at hand.
#pragma once
#include <cstdint>

namespace flambeau::cpu {

// dst[r * dst_row + c] = src[c * src_col + r * src_row], in elements of 1, 2, 4, 8 or 16 bytes. Both sides should fit
// the first-level cache, in whole lines.
void transpose_block(void* dst, int64_t dst_row, const void* src, int64_t src_col, int64_t src_row, int64_t rows,
                     int64_t cols, int element_bytes);

}  // namespace flambeau::cpu
