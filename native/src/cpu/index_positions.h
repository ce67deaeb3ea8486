// Indices along a dimension as positions in it, for the ISA at hand.
#pragma once
#include <cstdint>

namespace flambeau::cpu {

// Writes n indices as they are, with `wrap` those below 0 plus `size`. False where one is not in [0, size) then.
bool index_positions(int64_t* to, const int64_t* index, int64_t n, int64_t size, bool wrap);

}  // namespace flambeau::cpu
