// What the library's other parts need of a device besides its kernels.
#pragma once
#include <cuda_runtime.h>

namespace flambeau::cuda {

// Makes a device the one that this thread's CUDA calls are about.
cudaError_t choose(int device);
// Records an event on the stream that a device's calls go to now.
cudaError_t record_now(int device, cudaEvent_t event);

}  // namespace flambeau::cuda
