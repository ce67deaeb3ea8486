// oneDNN behind one header: the engine, a cache of primitives by shape, and memory that kernels borrow.
#pragma once
#include <dnnl.hpp>

#include <functional>
#include <initializer_list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "flambeau/backend.h"

namespace flambeau::cpu {

inline dnnl::engine& dnnl_engine() {
  static auto* engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

inline dnnl::stream& dnnl_stream() {
  thread_local dnnl::stream stream(dnnl_engine());
  return stream;
}

// What a primitive is cached by: numbers that determine it, the thread count among them.
using PrimitiveKey = std::vector<int64_t>;

struct PrimitiveKeyHash {
  size_t operator()(const PrimitiveKey& key) const {
    uint64_t h = 1469598103934665603ull;
    for (int64_t v : key) h = (h ^ static_cast<uint64_t>(v)) * 1099511628211ull;
    return h;
  }
};

// The entries of one kind of primitive. A cache belongs to its thread, since a primitive's scratchpad is its own.
template <typename Entry>
class PrimitiveCache {
 public:
  // The cached entry, made by `make` when there is none.
  template <typename Make>
  Entry& get(const PrimitiveKey& key, Make&& make) {
    if (auto found = entries_.find(key); found != entries_.end()) return found->second;
    constexpr size_t kMost = 512;
    if (entries_.size() >= kMost) entries_.clear();
    return entries_.emplace(key, make()).first->second;
  }

 private:
  std::unordered_map<PrimitiveKey, Entry, PrimitiveKeyHash> entries_;
};

// Memory for the duration of a kernel.
class Workspace {
 public:
  explicit Workspace(size_t nbytes) : nbytes_(nbytes), data_(cpu_backend().allocate(nbytes)) {
    if (!data_) throw std::bad_alloc();
  }
  ~Workspace() { cpu_backend().free(data_, nbytes_); }
  Workspace(const Workspace&) = delete;
  template <typename T = void>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  size_t nbytes_;
  void* data_;
};

// Runs a kernel's body; what a library throws comes back as a status.
template <typename Body>
Status guarded(Body&& body) {
  try {
    return body();
  } catch (const dnnl::error& error) {
    return {StatusCode::engine_error, 0, static_cast<int64_t>(error.status)};
  } catch (const std::bad_alloc&) {
    return {StatusCode::out_of_memory};
  }
}

inline dnnl::memory dnnl_memory(const dnnl::memory::desc& desc, void* data) { return {desc, dnnl_engine(), data}; }

inline void reorder(dnnl::memory from, dnnl::memory to) {
  thread_local PrimitiveCache<dnnl::reorder> cache;
  // A reorder is determined by both descriptors; their bytes are plain data.
  const auto append = [](PrimitiveKey& key, const dnnl::memory::desc& desc) {
    const auto* words = reinterpret_cast<const int64_t*>(&desc.data);
    key.insert(key.end(), words, words + sizeof(desc.data) / sizeof(int64_t));
  };
  PrimitiveKey key;
  append(key, from.get_desc());
  append(key, to.get_desc());
  key.push_back(get_num_threads());
  cache.get(key, [&] { return dnnl::reorder(from, to); }).execute(dnnl_stream(), from, to);
}

}  // namespace flambeau::cpu
