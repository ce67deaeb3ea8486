// Stores past the caches, for results so large that their beginning is gone from the caches before anyone reads it:
// writing them the usual way would read each line from memory first.
#pragma once
#include <cstdint>

#include "flambeau/allocator.h"

namespace flambeau::cpu {

// Copies from so many bytes on; what is computed is read again sooner.
inline constexpr int64_t kStreamBytes = int64_t{2} << 20;
inline constexpr int64_t kStreamComputedBytes = int64_t{3} << 20;
// Rows that are apart must be so long: a line that is written in two parts goes to memory twice.
inline constexpr int64_t kStreamRowBytes = 1024;

// Whether a result of so many bytes goes past the caches. Where its memory was in use a moment ago, as in a loop that
// disposes of what it makes, the lines are there already.
inline bool streams(const void* dst, int64_t nbytes, int64_t from) { return nbytes >= from && !likely_cached(dst); }

// Like memcpy. Readers on other threads see it after stream_done() on this one.
void stream_copy(void* dst, const void* src, int64_t nbytes);
void stream_done();

}  // namespace flambeau::cpu
