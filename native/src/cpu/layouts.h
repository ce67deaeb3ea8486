// Blocked layouts: a storage whose layout is b > 0 holds [N, C, …] as [N, C / b, …, b], which convolutions are fastest
// in. Only whole tensors whose channels are a multiple of b have one, so there is no padding, and what is elementwise
// over equal layouts may treat the memory as flat.
#pragma once
#include <cstdint>

namespace flambeau::cpu {

// The block of this machine's vectors, in float32 channels: 16, 8, or 0 where blocked layouts bring nothing.
int64_t preferred_block();

}  // namespace flambeau::cpu
