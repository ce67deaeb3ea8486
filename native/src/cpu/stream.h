// Stores past the caches, for results so large that their beginning is gone from the caches before anyone reads it:
// writing them the usual way would read each line from memory first.
#pragma once
#include <cstdint>

namespace flambeau::cpu {

// Copies from so many bytes on; what is computed is read again sooner.
inline constexpr int64_t kStreamBytes = int64_t{2} << 20;
inline constexpr int64_t kStreamComputedBytes = int64_t{3} << 20;
// Rows that are apart must be so long: a line that is written in two parts goes to memory twice.
inline constexpr int64_t kStreamRowBytes = 1024;

// Like memcpy. Readers on other threads see it after stream_done() on this one.
void stream_copy(void* dst, const void* src, int64_t nbytes);
void stream_done();

}  // namespace flambeau::cpu
