// What the library's other parts need of a device besides its kernels.
#pragma once
#include <cuda_runtime.h>

namespace flambeau::cuda {

// Makes a device the one that this thread's CUDA calls are about.
cudaError_t choose(int device);
// Whether an event is done, or an error. That it is not would stay as the thread's last error, which the next launch of
// a kernel would take for its own.
inline cudaError_t query(cudaEvent_t event) {
  const cudaError_t state = cudaEventQuery(event);
  if (state == cudaErrorNotReady) cudaGetLastError();
  return state;
}
// Records an event on the stream that a device's calls go to now.
cudaError_t record_now(int device, cudaEvent_t event);

}  // namespace flambeau::cuda
