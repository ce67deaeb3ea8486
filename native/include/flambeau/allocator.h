// Caching allocator of host memory: freed blocks wait in bins by size class, up to a bound. Beyond it, those of the
// class that was not asked for longest go back to the system, so that a program that goes over to other sizes has them
// cached too.
#pragma once
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "flambeau/backend.h"

namespace flambeau {

class CachingAllocator {
 public:
  void* allocate(size_t nbytes);
  void free(void* data, size_t nbytes);
  void empty_cache();
  MemoryStats stats();

  // Bytes kept for reuse at the most.
  static constexpr size_t kMaxCached = size_t{1} << 30;

 private:
  static constexpr int kBins = 256;
  static int bin_of(size_t nbytes);
  static size_t bin_size(int bin);
  // Gives a cached block back to the system.
  void evict();

  struct Block {
    void* data;
    uint64_t freed;  // how much had been allocated until then
  };

  std::mutex mutex_;
  std::vector<Block> bins_[kBins];
  // When a block of each class was last asked for or freed.
  uint64_t used_[kBins] = {};
  uint64_t clock_ = 0;
  uint64_t allocated_ = 0;  // bytes, ever
  MemoryStats stats_;
};

// Whether the large block that this address lies in, one of the last that this thread got, had been freed just before:
// what is written there may find its lines in the processor's caches.
bool likely_cached(const void* data);

}  // namespace flambeau
