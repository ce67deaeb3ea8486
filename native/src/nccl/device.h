// What a group on NCCL needs of the device that its tensors are on. Its own part of CUDA is in src/cuda/nccl.cpp; the
// tests have a device of threads.
#pragma once
#include <cstddef>
#include <memory>
#include <string>

#include "nccl/library.h"

namespace flambeau::distributed {

// A point in the stream that the device works on.
using Mark = std::shared_ptr<void>;

// Memory of the device, or of the host where the device can reach it.
class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  virtual void* data() = 0;
};

// A stream of the group's own. Calls give false where they fail; `error` then says why.
class NcclQueue {
 public:
  enum class Progress { done, pending, failed };

  virtual ~NcclQueue() = default;
  // This thread's calls, those of NCCL too, are about the queue's device from now on.
  virtual bool enter() = 0;
  virtual nccl::Stream stream() = 0;
  // What follows waits for the mark.
  virtual bool follow(const Mark& mark) = 0;
  // `host` is memory of host_memory().
  virtual bool copy_in(void* device, const void* host, size_t nbytes) = 0;
  virtual bool copy_out(void* host, const void* device, size_t nbytes) = 0;
  // Ends what `progress` asks about.
  virtual bool end() = 0;
  virtual Progress progress() = 0;
  virtual std::string error() = 0;
};

class NcclDevice {
 public:
  virtual ~NcclDevice() = default;
  // Each gives nullptr where there is no more to be had.
  virtual std::unique_ptr<NcclQueue> make_queue() = 0;
  virtual std::unique_ptr<DeviceMemory> memory(size_t nbytes) = 0;
  virtual std::unique_ptr<DeviceMemory> host_memory(size_t nbytes) = 0;
  // What was asked of the device so far, by the thread that asks it; nullptr where that fails.
  virtual Mark mark() = 0;
};

}  // namespace flambeau::distributed
