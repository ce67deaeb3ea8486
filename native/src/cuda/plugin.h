// What the shared library flambeau_cuda offers to the addon, which loads it when a CUDA device is first named.
#pragma once
#include <cstddef>

#include "flambeau/status.h"

namespace flambeau {
struct Backend;
struct Storage;

// What is to be done with memory of the host once a device has read it.
struct WhenRead {
  void (*call)(void* argument);
  void* argument;
};

struct CudaPlugin {
  int devices;               // how many can be used
  const char* reason;        // why there is none, or empty
  Backend* (*backend)(int);  // of the device with this number; made when first asked for
  // Memory of the host that no page is taken from, which devices read and write by themselves; allocated next to the
  // device with this number, where it is not negative.
  Backend* (*pinned)(int);
  // Lets the device that `to` is on read pinned memory when it comes to it.
  Status (*copy_pinned)(Storage& to, size_t offset, const void* from, size_t nbytes, WhenRead then);
};

// `fingerprint` is the addon's: nullptr comes back where the library was built from other declarations.
using CudaOpen = const CudaPlugin* (*)(const char* fingerprint);
inline constexpr const char* kCudaOpenName = "flambeau_cuda_open";

}  // namespace flambeau
