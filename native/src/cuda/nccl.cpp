// What a group on NCCL needs of CUDA: a stream of its own, events of the device's, and memory for what ranks say to
// each other. NCCL itself is loaded when it is first asked for.
#include <cuda_runtime.h>
#include <dlfcn.h>

#include <cstring>
#include <string>

#include "device.h"
#include "flambeau/kernels.gen.h"
#include "libraries.h"
#include "nccl/group.h"

namespace flambeau::distributed {
namespace {

class Memory final : public DeviceMemory {
 public:
  Memory(int device, void* data, bool host) : device_(device), data_(data), host_(host) {}
  ~Memory() override {
    cuda::choose(device_);
    host_ ? cudaFreeHost(data_) : cudaFree(data_);
  }
  void* data() override { return data_; }

 private:
  int device_;
  void* data_;
  bool host_;
};

class CudaQueue final : public NcclQueue {
 public:
  CudaQueue(int device, cudaStream_t stream, cudaEvent_t event) : device_(device), stream_(stream), event_(event) {}
  ~CudaQueue() override {
    cuda::choose(device_);
    cudaEventDestroy(event_);
    cudaStreamDestroy(stream_);
  }

  bool enter() override { return kept(cuda::choose(device_)); }
  nccl::Stream stream() override { return stream_; }
  bool follow(const Mark& mark) override {
    return kept(cudaStreamWaitEvent(stream_, static_cast<cudaEvent_t>(mark.get()), 0));
  }
  bool copy_in(void* device, const void* host, size_t nbytes) override {
    return kept(cudaMemcpyAsync(device, host, nbytes, cudaMemcpyHostToDevice, stream_));
  }
  bool copy_out(void* host, const void* device, size_t nbytes) override {
    return kept(cudaMemcpyAsync(host, device, nbytes, cudaMemcpyDeviceToHost, stream_));
  }
  bool end() override { return kept(cudaEventRecord(event_, stream_)); }
  Progress progress() override {
    const cudaError_t state = cuda::query(event_);
    if (state == cudaErrorNotReady) return Progress::pending;
    return kept(state) ? Progress::done : Progress::failed;
  }
  std::string error() override { return std::string("CUDA: ") + cudaGetErrorString(error_); }

 private:
  bool kept(cudaError_t error) {
    if (error != cudaSuccess) error_ = error;
    return error == cudaSuccess;
  }

  int device_;
  cudaStream_t stream_;
  cudaEvent_t event_;
  cudaError_t error_ = cudaSuccess;
};

class CudaDevice final : public NcclDevice {
 public:
  explicit CudaDevice(int device) : device_(device) {}

  std::unique_ptr<NcclQueue> make_queue() override {
    int least = 0, greatest = 0;
    cudaStream_t stream = nullptr;
    cudaEvent_t event = nullptr;
    // What others wait for goes before what this device computes meanwhile.
    if (cuda::choose(device_) != cudaSuccess || cudaDeviceGetStreamPriorityRange(&least, &greatest) != cudaSuccess ||
        cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, greatest) != cudaSuccess)
      return nullptr;
    if (cudaEventCreateWithFlags(&event, cudaEventDisableTiming) != cudaSuccess) {
      cudaStreamDestroy(stream);
      return nullptr;
    }
    return std::make_unique<CudaQueue>(device_, stream, event);
  }

  std::unique_ptr<DeviceMemory> memory(size_t nbytes) override { return make(nbytes, false); }
  std::unique_ptr<DeviceMemory> host_memory(size_t nbytes) override { return make(nbytes, true); }

  Mark mark() override {
    cudaEvent_t event = nullptr;
    if (cuda::choose(device_) != cudaSuccess || cudaEventCreateWithFlags(&event, cudaEventDisableTiming) != cudaSuccess)
      return nullptr;
    Mark mark(event, [](void* made) { cudaEventDestroy(static_cast<cudaEvent_t>(made)); });
    return cuda::record_now(device_, event) == cudaSuccess ? mark : nullptr;
  }

 private:
  std::unique_ptr<DeviceMemory> make(size_t nbytes, bool host) {
    void* data = nullptr;
    if (cuda::choose(device_) != cudaSuccess) return nullptr;
    const cudaError_t error = host ? cudaHostAlloc(&data, nbytes, cudaHostAllocDefault) : cudaMalloc(&data, nbytes);
    if (error == cudaSuccess) return std::make_unique<Memory>(device_, data, host);
    // Of this call alone: what kernels report is looked for elsewhere.
    cudaGetLastError();
    return nullptr;
  }

  int device_;
};

struct Library {
  nccl::Functions functions;
  std::string reason;
};

Library load() {
  Library loaded;
  nccl::Functions& f = loaded.functions;
  void* library = cuda::open_library("libnccl.so.2");
  if (!library) {
    loaded.reason =
        "NCCL (libnccl.so.2) cannot be loaded; install it, or name its folder in FLAMBEAU_CUDA_LIBRARIES or "
        "LD_LIBRARY_PATH";
    return loaded;
  }
  const auto get = [&]<typename F>(F& function, const char* name) {
    function = reinterpret_cast<F>(dlsym(library, name));
    if (!function && loaded.reason.empty())
      loaded.reason = std::string("NCCL 2.14 or newer is needed: the one that was found has no ") + name;
  };
  get(f.get_unique_id, "ncclGetUniqueId");
  get(f.init_rank, "ncclCommInitRankConfig");
  get(f.async_error, "ncclCommGetAsyncError");
  get(f.abort, "ncclCommAbort");
  get(f.finalize, "ncclCommFinalize");
  get(f.destroy, "ncclCommDestroy");
  get(f.all_reduce, "ncclAllReduce");
  get(f.reduce, "ncclReduce");
  get(f.broadcast, "ncclBroadcast");
  get(f.all_gather, "ncclAllGather");
  get(f.reduce_scatter, "ncclReduceScatter");
  get(f.send, "ncclSend");
  get(f.receive, "ncclRecv");
  get(f.group_start, "ncclGroupStart");
  get(f.group_end, "ncclGroupEnd");
  get(f.error_string, "ncclGetErrorString");
  get(f.last_error, "ncclGetLastError");
  return loaded;
}

const Library& library() {
  static const Library loaded = load();
  return loaded;
}

Outcome open_group(const GroupOptions& options, std::unique_ptr<Group>& group) {
  return NcclGroup::open(options, library().functions, std::make_shared<CudaDevice>(options.device), group);
}

}  // namespace
}  // namespace flambeau::distributed

extern "C" __attribute__((visibility("default"))) const flambeau::distributed::GroupPlugin* flambeau_nccl_open(
    const char* fingerprint) {
  using namespace flambeau::distributed;
  if (std::strcmp(fingerprint, flambeau::kFingerprint) != 0) return nullptr;
  static const GroupPlugin plugin{open_group, nullptr, nullptr, library().reason.c_str()};
  return &plugin;
}
