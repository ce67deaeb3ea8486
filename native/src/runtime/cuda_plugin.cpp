// Loads the shared library for CUDA, which lies beside the file that this code is in.
#include <string>

#include "cuda/plugin.h"
#include "flambeau/backend.h"
#include "flambeau/pinned.h"
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

// A part of a storage of pinned memory, which the CPU's kernels take as their own.
Storage* allocate_pinned(int device, size_t nbytes) {
  const Loaded& l = loaded();
  if (!l.plugin || device >= l.plugin->devices) return nullptr;
  Storage* whole = Storage::allocate(*l.plugin->pinned(device), nbytes);
  if (!whole) return nullptr;
  Storage* storage = Storage::part(*whole, 0, nbytes);
  storage->backend = &cpu_backend();
  whole->release();
  return storage;
}

bool is_pinned(const Storage& storage) {
  const Loaded& l = loaded();
  if (!l.plugin || l.plugin->devices == 0) return false;
  const Backend* pinned = l.plugin->pinned(-1);
  for (const Storage* s = &storage; s; s = s->whole)
    if (s->backend == pinned) return true;
  return false;
}

Status copy_pinned(Storage& to, size_t offset, Storage& from, size_t from_offset, size_t nbytes) {
  from.retain();
  const WhenRead then{[](void* storage) { static_cast<Storage*>(storage)->release(); }, &from};
  return loaded().plugin->copy_pinned(to, offset, static_cast<const char*>(from.data) + from_offset, nbytes, then);
}

}  // namespace flambeau
