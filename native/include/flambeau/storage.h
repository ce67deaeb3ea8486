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
  Storage* whole = nullptr;  // retained: the storage whose memory this one is a part of
  bool mapped = false;       // a file's pages rather than memory of the backend

  void retain() { refs.fetch_add(1, std::memory_order_relaxed); }
  void release();

  // Memory of `later()` is there from now on; false when it is exhausted.
  bool ready() { return data || allocate_now(); }

  // Returns nullptr when memory is exhausted even after the backend's cache was emptied.
  static Storage* allocate(Backend& backend, size_t nbytes);
  // A storage whose memory is allocated when it is first used, and null until then.
  static Storage* later(Backend& backend, size_t nbytes);
  // A part of the memory of `whole`, which lives as long as its parts.
  static Storage* part(Storage& whole, size_t offset, size_t nbytes);
  // The first bytes of an open file, which may be closed afterwards; nbytes > 0. Pages are read when they are touched,
  // and what is written stays in this process. On failure nullptr, and `error` is the system's number for it.
  static Storage* map_file(int fd, size_t nbytes, int& error);

 private:
  bool allocate_now();
};

}  // namespace flambeau
