#include <omp.h>

#include <cstring>

#include "cpu/blas_kernels.h"
#include "flambeau/allocator.h"
#include "flambeau/backend.h"

namespace flambeau {
namespace {

struct CpuBackend final : Backend {
  CachingAllocator allocator;

  CpuBackend() {
    name = "cpu";
    kernels = cpu::kTable;
    cpu::choose_blas_kernels();
  }
  void* allocate(size_t nbytes) override { return allocator.allocate(nbytes); }
  void free(void* data, size_t nbytes) override { allocator.free(data, nbytes); }
  void empty_cache() override { allocator.empty_cache(); }
  MemoryStats memory() override { return allocator.stats(); }
  Status read(void* host, const Storage& from, size_t offset, size_t nbytes) override {
    std::memcpy(host, static_cast<const char*>(from.data) + offset, nbytes);
    return {};
  }
  Status write(Storage& to, size_t offset, const void* host, size_t nbytes) override {
    std::memcpy(static_cast<char*>(to.data) + offset, host, nbytes);
    return {};
  }
  Status submit(int kernel, std::span<const double> words, std::span<Storage* const> storages) override {
    for (Storage* storage : storages)
      if (!storage->ready()) return {StatusCode::out_of_memory, 0, static_cast<int64_t>(storage->nbytes)};
    return invoke_safely(kernels, kernel, words.data(), storages.data());
  }
  void* host_pointer(Storage& storage) override { return storage.data; }
};

}  // namespace

// Never destroyed: storages of other environments may outlive static destruction.
Backend& cpu_backend() {
  static auto* backend = new CpuBackend;
  return *backend;
}

Backend* find_backend(int device) {
  switch (device) {
    case kCpuDevice:
      return &cpu_backend();
    case kDebugDevice:
      return &debug_backend();
    default:
      return device >= kCudaDevice ? cuda_backend(device - kCudaDevice) : nullptr;
  }
}

void set_num_threads(int n) { omp_set_num_threads(n); }
int get_num_threads() { return omp_get_max_threads(); }

}  // namespace flambeau
