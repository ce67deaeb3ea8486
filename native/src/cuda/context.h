// What the host side of a CUDA kernel works with: the device, the stream, memory for workspaces, and where errors go.
#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <new>

#include "flambeau/status.h"

namespace flambeau::cuda {

class Allocator;
class Libraries;

// What a kernel found wrong with the values that it was given. It lies in host memory, where the host reads it at the
// next synchronisation.
struct ErrorRecord {
  int32_t code = 0;
  int32_t kernel = -1;
  int64_t position = 0, value = 0, limit = 0;
};

// Where a kernel reports: the first to take the flag writes the record.
struct ErrorSlot {
  unsigned* taken = nullptr;
  ErrorRecord* record = nullptr;
  int32_t kernel = -1;
};

struct Context {
  int device = 0;
  cudaStream_t stream = nullptr;
  Allocator* allocator = nullptr;
  Libraries* libraries = nullptr;
  ErrorSlot errors;
  int multiprocessors = 1;
  int threads_per_multiprocessor = 2048;
  size_t shared_memory = 48 * 1024;  // that a block may ask for
  // PyTorch's defaults: products keep all bits, convolutions may round their inputs to TF32.
  bool tf32_matmul = false;
  bool tf32_convolution = true;
};

// Of the call that this thread is running.
Context& context();

// Memory for the length of a host function: what is launched on the stream afterwards may reuse it, in stream order.
class Workspace {
 public:
  explicit Workspace(size_t nbytes);
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  template <typename T = void>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  void* data_;
};

// What an engine_error is about (flambeau/status.h); libraries: 0 cuBLASLt, 1 cuDNN.
inline constexpr int64_t kDeviceFailed = 1, kLibraryMissing = 2;
inline Status missing_library(int64_t library) { return {StatusCode::engine_error, 0, library, kLibraryMissing}; }

// A failure of the CUDA runtime as a status.
inline Status status_of(cudaError_t error) {
  if (error == cudaSuccess) return {};
  if (error == cudaErrorMemoryAllocation) return {StatusCode::out_of_memory};
  return {StatusCode::engine_error, 0, static_cast<int64_t>(error), kDeviceFailed};
}

// Whether the kernels that were just launched could be.
inline Status launched() { return status_of(cudaGetLastError()); }

// Blocks for `n` elements of work, at most so many that each multiprocessor is full `waves` times.
inline unsigned blocks_for(int64_t n, int per_block, int waves = 8) {
  const Context& c = context();
  const int64_t most = static_cast<int64_t>(c.multiprocessors) * (c.threads_per_multiprocessor / per_block + 1) * waves;
  const int64_t wanted = (n + per_block - 1) / per_block;
  return static_cast<unsigned>(wanted < 1 ? 1 : wanted < most ? wanted : most);
}

}  // namespace flambeau::cuda
