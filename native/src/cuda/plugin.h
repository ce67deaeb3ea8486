// What the shared library flambeau_cuda offers to the addon, which loads it when a CUDA device is first named.
#pragma once

namespace flambeau {
struct Backend;

struct CudaPlugin {
  int devices;               // how many can be used
  const char* reason;        // why there is none, or empty
  Backend* (*backend)(int);  // of the device with this number; made when first asked for
};

// `fingerprint` is the addon's: nullptr comes back where the library was built from other declarations.
using CudaOpen = const CudaPlugin* (*)(const char* fingerprint);
inline constexpr const char* kCudaOpenName = "flambeau_cuda_open";

}  // namespace flambeau
