// What a device is: memory, a queue, and the table of kernels that kernels/*.def list.
#pragma once
#include <cstddef>
#include <new>
#include <span>
#include <stdexcept>

#include "flambeau/call.h"
#include "flambeau/kernels.gen.h"
#include "flambeau/status.h"

namespace flambeau {

struct MemoryStats {
  size_t in_use = 0;       // bytes held by storages
  size_t cached = 0;       // bytes kept for reuse
  size_t peak = 0;         // most bytes in use since the last reset
  size_t allocations = 0;  // requests since start
};

struct DeviceInfo {
  const char* name = "";
  size_t total_memory = 0;
  int capability = 0;  // ten times the major number, and the minor one
  int multiprocessors = 0;
};

// Streams and events, of a device that works through several queues. Stream 0 is there from the beginning.
struct DeviceStreams {
  virtual int64_t make_stream() = 0;  // -1 where it fails
  virtual int64_t current_stream() = 0;
  virtual void use_stream(int64_t stream) = 0;
  virtual Status synchronize_stream(int64_t stream) = 0;
  virtual int64_t make_event() = 0;  // -1 where it fails
  virtual void destroy_event(int64_t event) = 0;
  virtual Status record_event(int64_t event, int64_t stream) = 0;
  virtual Status wait_event(int64_t event, int64_t stream) = 0;
  virtual Status synchronize_event(int64_t event) = 0;
  virtual bool event_done(int64_t event) = 0;
  virtual double elapsed(int64_t from, int64_t to) = 0;  // milliseconds; negative where an event is not done
  // 0: products of float32 may round to TF32; 1: convolutions may
  virtual void set_option(int option, bool value) = 0;
  virtual DeviceInfo info() = 0;

 protected:
  ~DeviceStreams() = default;
};

struct Backend {
  const char* name = "";
  KernelTable kernels{};

  virtual ~Backend() = default;
  virtual void* allocate(size_t nbytes) = 0;  // nullptr when exhausted
  virtual void free(void* data, size_t nbytes) = 0;
  virtual void empty_cache() = 0;
  virtual MemoryStats memory() = 0;
  virtual void reset_peak() {}
  // Host copies wait for the queue. A failure of an earlier call comes back here or from `synchronize`.
  virtual Status read(void* host, const Storage& from, size_t offset, size_t nbytes) = 0;
  virtual Status write(Storage& to, size_t offset, const void* host, size_t nbytes) = 0;
  // Runs the call now, or takes a copy of it into the queue.
  virtual Status submit(int kernel, std::span<const double> words, std::span<Storage* const> storages) = 0;
  virtual Status synchronize() { return {}; }
  // The memory as the host may read it, or nullptr on a device whose memory it cannot.
  virtual void* host_pointer(Storage&) { return nullptr; }
  virtual DeviceStreams* streams() { return nullptr; }
};

// CUDA's devices are numbered from kCudaDevice on.
inline constexpr int kCpuDevice = 0, kDebugDevice = 1, kCudaDevice = 2;
Backend& cpu_backend();
Backend& debug_backend();  // CPU kernels on a queue thread of their own, memory that the host cannot read
Backend* find_backend(int device);

// The shared library for CUDA lies beside the addon and is loaded when it is first asked about.
struct CudaSupport {
  int devices = 0;
  const char* reason = "";  // why there is none
};
CudaSupport cuda_support();
Backend* cuda_backend(int device);  // nullptr where there is no such device

// Runs a kernel; what its workspaces or an engine throw becomes a status, since no exception may reach the host.
inline Status invoke_safely(const KernelTable& kernels, int kernel, const double* words, Storage* const* storages) {
  try {
    return invoke(kernels, kernel, words, storages);
  } catch (const std::bad_alloc&) {
    return {StatusCode::out_of_memory};
  } catch (const std::length_error&) {
    return {StatusCode::out_of_memory};
  } catch (...) {
    return {StatusCode::engine_error};
  }
}

void set_num_threads(int n);  // of the calling thread
int get_num_threads();

}  // namespace flambeau
