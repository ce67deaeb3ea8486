// Loads the shared library for CUDA, which lies beside the file that this code is in.
#include <string>

#include "cuda/plugin.h"
#include "flambeau/backend.h"

#ifndef _WIN32
#include <dlfcn.h>
#endif

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
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&cuda_backend), &info) == 0 || !info.dli_fname)
    return {nullptr, "the folder of Flambeau's native library cannot be found"};
  const std::string own = info.dli_fname;
  const size_t slash = own.rfind('/');
  const std::string path = (slash == std::string::npos ? "" : own.substr(0, slash + 1)) + "flambeau_cuda.so";
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* error = dlerror();
    return {nullptr, std::string("this build of Flambeau has no library for CUDA (") + (error ? error : path) + ")"};
  }
  const auto open = reinterpret_cast<CudaOpen>(dlsym(library, kCudaOpenName));
  const CudaPlugin* plugin = open ? open(kFingerprint) : nullptr;
  if (!plugin) return {nullptr, path + " was built from other sources than the addon; build or install both anew"};
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
