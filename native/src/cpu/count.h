// Whole numbers at even distances, in vectors.
#pragma once
#include <cstdint>

namespace flambeau::cpu {

// to[i] = start + i·step, which wraps.
void count_up(int64_t* to, int64_t n, uint64_t start, uint64_t step);

}  // namespace flambeau::cpu
