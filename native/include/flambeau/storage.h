// Native memory with a reference count. Tensors are the host's; a kernel sees views of storages.
#pragma once
#include <atomic>
#include <cstddef>

namespace flambeau {

struct Backend;

struct Storage {
  void* data = nullptr;
  size_t nbytes = 0;
  Backend* backend = nullptr;
  std::atomic<int> refs{1};

  void retain() { refs.fetch_add(1, std::memory_order_relaxed); }
  void release();

  // Returns nullptr when memory is exhausted even after the backend's cache was emptied.
  static Storage* allocate(Backend& backend, size_t nbytes);
};

}  // namespace flambeau
