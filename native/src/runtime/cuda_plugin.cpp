// Loads the shared library for CUDA, which lies beside the file that this code is in.
#include <string>

#include "cuda/plugin.h"
#include "flambeau/backend.h"
#include "runtime/beside.h"

namespace flambeau {
namespace {

struct Loaded {
  const CudaPlugin* plugin = nullptr;
  std::string reason;
};

#ifdef _WIN32
Loaded load() { return {nullptr, "CUDA is supported on Linux only"}; }
#else
Loaded load() {
  std::string reason;
  void* library = open_beside("flambeau_cuda.so", reason);
  if (!library) return {nullptr, "this build of Flambeau has no library for CUDA (" + reason + ")"};
  const auto open = reinterpret_cast<CudaOpen>(symbol_of(library, kCudaOpenName));
  const CudaPlugin* plugin = open ? open(kFingerprint) : nullptr;
  if (!plugin)
    return {nullptr, "flambeau_cuda.so was built from other sources than the addon; build or install both anew"};
  return {plugin, plugin->reason};
}
#endif

const Loaded& loaded() {
  static const Loaded result = load();
  return result;
}

}  // namespace

CudaSupport cuda_support() {
  const Loaded& l = loaded();
  return {l.plugin ? l.plugin->devices : 0, l.reason.c_str()};
}

Backend* cuda_backend(int device) {
  const Loaded& l = loaded();
  return l.plugin && device < l.plugin->devices ? l.plugin->backend(device) : nullptr;
}

}  // namespace flambeau
