// Stores past the caches, for results so large that their beginning is gone from the caches before anyone reads it:
// writing them the usual way would read each line from memory first.
#pragma once
#include <cstdint>

namespace flambeau::cpu {

// From so many bytes on.
inline constexpr int64_t kStreamBytes = int64_t{3} << 20;

// Like memcpy. Readers on other threads see it after stream_done() on this one.
void stream_copy(void* dst, const void* src, int64_t nbytes);
void stream_done();

}  // namespace flambeau::cpu
