// A CUDA device: calls are launched on a stream at once and run there later; what a kernel finds wrong with its values
// comes back at the next synchronisation, with the kernel's name.
#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "allocator.h"
#include "context.h"
#include "device.h"
#include "flambeau/backend.h"
#include "kernels.h"
#include "libraries.h"
#include "plugin.h"

namespace flambeau::cuda {
namespace {

thread_local Context* current = nullptr;
thread_local int current_device = -1;

}  // namespace

cudaError_t choose(int device) {
  if (current_device == device) return cudaSuccess;
  const cudaError_t error = cudaSetDevice(device);
  if (error == cudaSuccess) current_device = device;
  return error;
}

namespace {

// Page-locked buffers through which host memory is copied without waiting for the device.
class Staging {
 public:
  static constexpr size_t kSize = size_t{4} << 20;

  struct Buffer {
    void* data = nullptr;
    cudaEvent_t done = nullptr;
  };

  // The buffer that was used longest ago, its copy finished; nullptr where no memory can be locked.
  Buffer* take() {
    Buffer& buffer = buffers_[next_];
    next_ = (next_ + 1) % kCount;
    if (!buffer.data) {
      if (cudaHostAlloc(&buffer.data, kSize, cudaHostAllocDefault) != cudaSuccess) {
        cudaGetLastError();
        buffer.data = nullptr;
        return nullptr;
      }
      cudaEventCreateWithFlags(&buffer.done, cudaEventDisableTiming);
    } else {
      cudaEventSynchronize(buffer.done);
    }
    return &buffer;
  }

 private:
  static constexpr int kCount = 4;
  Buffer buffers_[kCount];
  int next_ = 0;
};

struct CudaBackend final : Backend, DeviceStreams {
  explicit CudaBackend(int device) {
    name = "cuda";
    kernels = kTable;
    context_.device = device;
    failure_ = status_of(choose(device));
    if (!failure_.ok()) return;
    cudaDeviceProp properties{};
    cudaGetDeviceProperties(&properties, device);
    device_name_ = properties.name;
    total_memory_ = properties.totalGlobalMem;
    capability_ = properties.major * 10 + properties.minor;
    context_.multiprocessors = properties.multiProcessorCount;
    context_.threads_per_multiprocessor = properties.maxThreadsPerMultiProcessor;
    context_.shared_memory = properties.sharedMemPerBlockOptin;
    context_.allocator = &allocator_;
    context_.libraries = &libraries_;
    cudaStream_t stream = nullptr;
    failure_ = status_of(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    streams_.push_back(stream);
    context_.stream = stream;
    if (failure_.ok())
      failure_ = status_of(cudaMalloc(reinterpret_cast<void**>(&context_.errors.taken), sizeof(unsigned)));
    if (failure_.ok()) failure_ = status_of(cudaMemset(context_.errors.taken, 0, sizeof(unsigned)));
    // The device reaches it by the same address.
    void* record = nullptr;
    if (failure_.ok()) failure_ = status_of(cudaHostAlloc(&record, sizeof(ErrorRecord), cudaHostAllocMapped));
    if (failure_.ok()) context_.errors.record = new (record) ErrorRecord;
  }

  void* allocate(size_t nbytes) override {
    if (!failure_.ok() || choose(context_.device) != cudaSuccess) return nullptr;
    return allocator_.allocate(nbytes, context_.stream);
  }
  void free(void* data, size_t) override {
    choose(context_.device);
    allocator_.free(data);
  }
  void empty_cache() override {
    choose(context_.device);
    allocator_.empty_cache();
  }
  MemoryStats memory() override { return allocator_.stats(); }
  void reset_peak() override { allocator_.reset_peak(); }

  Status submit(int kernel, std::span<const double> words, std::span<Storage* const> storages) override {
    std::lock_guard lock(mutex_);
    if (const Status status = enter(); !status.ok()) return status;
    // Blocks belong to the stream on which they were allocated.
    if (streams_.size() > 1)
      for (const Storage* s : storages) allocator_.used_on(s->data, context_.stream);
    context_.errors.kernel = kernel;
    return invoke_safely(kernels, kernel, words.data(), storages.data());
  }

  // The bytes are taken at once; the copy follows what was launched before.
  Status write(Storage& to, size_t offset, const void* host, size_t nbytes) override {
    std::lock_guard lock(mutex_);
    if (const Status status = enter(); !status.ok()) return status;
    if (streams_.size() > 1) allocator_.used_on(to.data, context_.stream);
    char* dst = static_cast<char*>(to.data) + offset;
    const char* src = static_cast<const char*>(host);
    for (size_t at = 0; at < nbytes; at += Staging::kSize) {
      const size_t n = std::min(Staging::kSize, nbytes - at);
      Staging::Buffer* buffer = staging_.take();
      if (!buffer) return {StatusCode::out_of_memory, 0, static_cast<int64_t>(Staging::kSize)};
      std::memcpy(buffer->data, src + at, n);
      const cudaError_t error = cudaMemcpyAsync(dst + at, buffer->data, n, cudaMemcpyHostToDevice, context_.stream);
      if (error != cudaSuccess) return status_of(error);
      cudaEventRecord(buffer->done, context_.stream);
    }
    return {};
  }

  // One part is on its way while the one before it is taken out.
  Status read(void* host, const Storage& from, size_t offset, size_t nbytes) override {
    std::lock_guard lock(mutex_);
    if (const Status status = enter(); !status.ok()) return status;
    const char* src = static_cast<const char*>(from.data) + offset;
    char* dst = static_cast<char*>(host);
    Staging::Buffer* before = nullptr;
    size_t before_at = 0, before_size = 0;
    const auto take_out = [&] {
      if (!before) return cudaSuccess;
      const cudaError_t error = cudaEventSynchronize(before->done);
      if (error == cudaSuccess) std::memcpy(dst + before_at, before->data, before_size);
      return error;
    };
    for (size_t at = 0; at < nbytes; at += Staging::kSize) {
      const size_t n = std::min(Staging::kSize, nbytes - at);
      Staging::Buffer* buffer = staging_.take();
      if (!buffer) return {StatusCode::out_of_memory, 0, static_cast<int64_t>(Staging::kSize)};
      cudaError_t error = cudaMemcpyAsync(buffer->data, src + at, n, cudaMemcpyDeviceToHost, context_.stream);
      if (error == cudaSuccess) error = cudaEventRecord(buffer->done, context_.stream);
      if (error == cudaSuccess) error = take_out();
      if (error != cudaSuccess) return status_of(error);
      before = buffer;
      before_at = at;
      before_size = n;
    }
    if (const cudaError_t error = take_out(); error != cudaSuccess) return status_of(error);
    return reported();
  }

  // The device reads the memory itself; `then` is called once it has.
  Status copy_pinned(Storage& to, size_t offset, const void* from, size_t nbytes, WhenRead then) {
    std::lock_guard lock(mutex_);
    Status status = enter();
    if (status.ok()) {
      if (streams_.size() > 1) allocator_.used_on(to.data, context_.stream);
      let_go(false);
      char* dst = static_cast<char*>(to.data) + offset;
      status = status_of(cudaMemcpyAsync(dst, from, nbytes, cudaMemcpyHostToDevice, context_.stream));
    }
    cudaEvent_t event = nullptr;
    if (status.ok()) status = status_of(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    if (status.ok()) status = status_of(cudaEventRecord(event, context_.stream));
    if (status.ok()) {
      reads_.push_back({event, then});
    } else {
      // It may have begun all the same.
      cudaDeviceSynchronize();
      then.call(then.argument);
    }
    return status;
  }

  Status synchronize() override {
    std::lock_guard lock(mutex_);
    if (const Status status = enter(); !status.ok()) return status;
    let_go(true);
    if (const cudaError_t error = cudaDeviceSynchronize(); error != cudaSuccess) return status_of(error);
    return reported();
  }

  DeviceStreams* streams() override { return this; }

  int64_t make_stream() override {
    std::lock_guard lock(mutex_);
    if (!enter().ok()) return -1;
    cudaStream_t stream = nullptr;
    if (cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) != cudaSuccess) return -1;
    streams_.push_back(stream);
    return static_cast<int64_t>(streams_.size()) - 1;
  }
  int64_t current_stream() override { return std::ranges::find(streams_, context_.stream) - streams_.begin(); }
  void use_stream(int64_t stream) override {
    std::lock_guard lock(mutex_);
    context_.stream = streams_.at(static_cast<size_t>(stream));
  }
  Status synchronize_stream(int64_t stream) override {
    std::lock_guard lock(mutex_);
    if (const Status status = enter(); !status.ok()) return status;
    const cudaError_t error = cudaStreamSynchronize(streams_.at(static_cast<size_t>(stream)));
    return error == cudaSuccess ? reported() : status_of(error);
  }
  int64_t make_event() override {
    std::lock_guard lock(mutex_);
    cudaEvent_t event = nullptr;
    if (!enter().ok() || cudaEventCreate(&event) != cudaSuccess) return -1;
    events_[next_event_] = event;
    return next_event_++;
  }
  void destroy_event(int64_t event) override {
    std::lock_guard lock(mutex_);
    const auto found = events_.find(event);
    if (found == events_.end()) return;
    cudaEventDestroy(found->second);
    events_.erase(found);
  }
  Status record_event(int64_t event, int64_t stream) override {
    std::lock_guard lock(mutex_);
    if (const Status status = enter(); !status.ok()) return status;
    return status_of(cudaEventRecord(events_.at(event), streams_.at(static_cast<size_t>(stream))));
  }
  Status wait_event(int64_t event, int64_t stream) override {
    std::lock_guard lock(mutex_);
    if (const Status status = enter(); !status.ok()) return status;
    return status_of(cudaStreamWaitEvent(streams_.at(static_cast<size_t>(stream)), events_.at(event), 0));
  }
  Status synchronize_event(int64_t event) override {
    std::lock_guard lock(mutex_);
    if (const Status status = enter(); !status.ok()) return status;
    const cudaError_t error = cudaEventSynchronize(events_.at(event));
    return error == cudaSuccess ? reported() : status_of(error);
  }
  bool event_done(int64_t event) override {
    std::lock_guard lock(mutex_);
    return enter().ok() && query(events_.at(event)) == cudaSuccess;
  }
  double elapsed(int64_t from, int64_t to) override {
    std::lock_guard lock(mutex_);
    float ms = -1;
    if (!enter().ok() || cudaEventElapsedTime(&ms, events_.at(from), events_.at(to)) != cudaSuccess) {
      cudaGetLastError();
      return -1;
    }
    return ms;
  }
  void set_option(int option, bool value) override {
    std::lock_guard lock(mutex_);
    (option == 0 ? context_.tf32_matmul : context_.tf32_convolution) = value;
  }
  // Records an event on the stream that calls go to now.
  cudaError_t record(cudaEvent_t event) {
    std::lock_guard lock(mutex_);
    if (!enter().ok()) return cudaErrorInvalidDevice;
    return cudaEventRecord(event, context_.stream);
  }
  DeviceInfo info() override { return {device_name_.c_str(), total_memory_, capability_, context_.multiprocessors}; }

 private:
  // Prepares this thread for CUDA calls about this device.
  Status enter() {
    if (!failure_.ok()) return failure_;
    current = &context_;
    return status_of(choose(context_.device));
  }

  // Gives memory back that the device has read; with `all`, waits for what it has yet to read.
  void let_go(bool all) {
    std::erase_if(reads_, [&](const Read& read) {
      if (all) cudaEventSynchronize(read.event);
      if (query(read.event) == cudaErrorNotReady) return false;
      cudaEventDestroy(read.event);
      read.then.call(read.then.argument);
      return true;
    });
  }

  // What a kernel reported, once.
  Status reported() {
    ErrorRecord& record = *context_.errors.record;
    if (record.code == 0) return {};
    Status status{static_cast<StatusCode>(record.code), record.position, record.value, record.limit, record.kernel};
    record = {};
    cudaMemsetAsync(context_.errors.taken, 0, sizeof(unsigned), context_.stream);
    return status;
  }

  struct Read {
    cudaEvent_t event;
    WhenRead then;
  };

  std::mutex mutex_;
  std::vector<Read> reads_;
  Allocator allocator_;
  Libraries libraries_;
  Context context_;
  Staging staging_;
  Status failure_;  // of setting the device up
  std::vector<cudaStream_t> streams_;
  std::unordered_map<int64_t, cudaEvent_t> events_;
  int64_t next_event_ = 0;
  std::string device_name_;
  size_t total_memory_ = 0;
  int capability_ = 0;
};

CudaBackend* backend_of_device(int device) {
  static std::mutex mutex;
  static std::unordered_map<int, CudaBackend*> backends;  // never destroyed: storages may outlive static destruction
  std::lock_guard lock(mutex);
  CudaBackend*& backend = backends[device];
  if (!backend) backend = new CudaBackend(device);
  return backend;
}

Backend* backend_of(int device) { return backend_of_device(device); }

// Page-locked memory of the host. Locking takes longer than copying, so what is given back is kept for the next of its
// size.
struct PinnedBackend final : Backend {
  PinnedBackend() { name = "pinned"; }

  void* allocate(size_t nbytes) override {
    const size_t size = size_for(nbytes);
    std::lock_guard lock(mutex_);
    void* data = nullptr;
    if (auto& kept = kept_[size]; !kept.empty()) {
      data = kept.back();
      kept.pop_back();
      stats_.cached -= size;
    } else if (cudaHostAlloc(&data, size, cudaHostAllocPortable) != cudaSuccess) {
      cudaGetLastError();
      return nullptr;
    }
    stats_.in_use += size;
    stats_.peak = std::max(stats_.peak, stats_.in_use);
    ++stats_.allocations;
    return data;
  }
  void free(void* data, size_t nbytes) override {
    const size_t size = size_for(nbytes);
    std::lock_guard lock(mutex_);
    kept_[size].push_back(data);
    stats_.in_use -= size;
    stats_.cached += size;
  }
  void empty_cache() override {
    std::lock_guard lock(mutex_);
    for (auto& [size, kept] : kept_) {
      for (void* data : kept) cudaFreeHost(data);
      stats_.cached -= size * kept.size();
      kept.clear();
    }
  }
  MemoryStats memory() override {
    std::lock_guard lock(mutex_);
    return stats_;
  }
  Status read(void* host, const Storage& from, size_t offset, size_t nbytes) override {
    std::memcpy(host, static_cast<const char*>(from.data) + offset, nbytes);
    return {};
  }
  Status write(Storage& to, size_t offset, const void* host, size_t nbytes) override {
    std::memcpy(static_cast<char*>(to.data) + offset, host, nbytes);
    return {};
  }
  // Kernels see it as memory of the CPU.
  Status submit(int, std::span<const double>, std::span<Storage* const>) override { return {StatusCode::no_kernel}; }

 private:
  static size_t size_for(size_t nbytes) { return std::bit_ceil(std::max<size_t>(nbytes, 4096)); }

  std::mutex mutex_;
  std::unordered_map<size_t, std::vector<void*>> kept_;
  MemoryStats stats_;
};

Backend* pinned_backend(int device) {
  static auto* backend = new PinnedBackend;  // never destroyed: storages may outlive static destruction
  // Locking pages makes CUDA set the current device up, which is not to be one that this process does not use.
  if (device >= 0) choose(device);
  return backend;
}

Status copy_pinned(Storage& to, size_t offset, const void* from, size_t nbytes, WhenRead then) {
  return static_cast<CudaBackend*>(to.backend)->copy_pinned(to, offset, from, nbytes, then);
}

}  // namespace

cudaError_t record_now(int device, cudaEvent_t event) { return backend_of_device(device)->record(event); }

Context& context() { return *current; }

Workspace::Workspace(size_t nbytes) : data_(context().allocator->allocate(nbytes, context().stream)) {
  if (!data_) throw std::bad_alloc();
}
Workspace::~Workspace() { context().allocator->free(data_); }

}  // namespace flambeau::cuda

#if defined(__GNUC__)
#define FLAMBEAU_EXPORT __attribute__((visibility("default")))
#else
#define FLAMBEAU_EXPORT __declspec(dllexport)
#endif

extern "C" FLAMBEAU_EXPORT const flambeau::CudaPlugin* flambeau_cuda_open(const char* fingerprint) {
  if (std::strcmp(fingerprint, flambeau::kFingerprint) != 0) return nullptr;
  static const flambeau::CudaPlugin plugin = [] {
    int devices = 0;
    const cudaError_t error = cudaGetDeviceCount(&devices);
    const char* reason = error != cudaSuccess ? cudaGetErrorString(error)
                         : devices == 0       ? "the driver shows no device"
                                              : "";
    return flambeau::CudaPlugin{error == cudaSuccess ? devices : 0, reason, flambeau::cuda::backend_of,
                                flambeau::cuda::pinned_backend, flambeau::cuda::copy_pinned};
  }();
  return &plugin;
}
