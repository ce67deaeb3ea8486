// Caching allocator of host memory: freed blocks wait in bins by size class, up to a bound.
#pragma once
#include <cstddef>
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

  // Bytes kept for reuse at the most; a block that would exceed it goes back to the system.
  static constexpr size_t kMaxCached = size_t{1} << 30;

 private:
  static constexpr int kBins = 256;
  static int bin_of(size_t nbytes);
  static size_t bin_size(int bin);

  std::mutex mutex_;
  std::vector<void*> bins_[kBins];
  MemoryStats stats_;
};

}  // namespace flambeau
