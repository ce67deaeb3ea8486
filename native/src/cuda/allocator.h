// Caching allocator of device memory. A block that is freed is handed out again at once, but only on the stream that it
// was allocated on: what was launched there runs first. A block that other streams use as well waits for them.
#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>
#include <vector>

#include "flambeau/backend.h"

namespace flambeau::cuda {

class Allocator {
 public:
  void* allocate(size_t nbytes, cudaStream_t stream);  // nullptr when exhausted
  void free(void* data);
  void used_on(void* data, cudaStream_t stream);
  void empty_cache();
  MemoryStats stats();
  void reset_peak();

 private:
  // A part of a segment; its neighbours in memory are joined with it when both are free.
  struct Block {
    char* data = nullptr;
    size_t size = 0;
    cudaStream_t stream = nullptr;
    bool small = false;
    bool free = false;
    Block *before = nullptr, *after = nullptr;
    std::vector<cudaStream_t> others;  // streams besides its own that use it
  };
  struct Order {
    bool operator()(const Block* a, const Block* b) const {
      if (a->stream != b->stream) return a->stream < b->stream;
      if (a->small != b->small) return a->small < b->small;
      if (a->size != b->size) return a->size < b->size;
      return a->data < b->data;
    }
  };
  struct Waiting {
    Block* block;
    std::vector<cudaEvent_t> events;
  };

  Block* find(size_t size, bool small, cudaStream_t stream);
  Block* grow(size_t size, bool small, cudaStream_t stream);
  void put_back(Block* block);
  void collect_waiting(bool wait);
  void release_segments();

  std::mutex mutex_;
  std::set<Block*, Order> free_;
  std::unordered_map<void*, Block*> used_;
  std::vector<Waiting> waiting_;
  MemoryStats stats_;
};

}  // namespace flambeau::cuda
