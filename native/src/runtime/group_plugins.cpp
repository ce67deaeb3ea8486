// Loads the shared libraries with the engines of process groups, which are there where their engine was when Flambeau
// was built.
#include "flambeau/backend.h"
#include "flambeau/distributed.h"
#include "flambeau/kernels.gen.h"
#include "runtime/beside.h"

namespace flambeau::distributed {
namespace {

struct Loaded {
  const GroupPlugin* plugin = nullptr;
  std::string reason;
};

// An engine's shared library, the function that it is asked by, what it is called, and how to get it.
Loaded load(const std::string& file, const char* function, const std::string& name, const std::string& remedy) {
  Loaded loaded;
  void* library = open_beside(file.c_str(), loaded.reason);
  if (!library) {
    loaded.reason = "this build of Flambeau has no library for " + name + " (" + loaded.reason +
                    "); where you build it yourself, " + remedy;
    return loaded;
  }
  const auto open = reinterpret_cast<GroupOpen>(symbol_of(library, function));
  loaded.plugin = open ? open(kFingerprint) : nullptr;
  if (!loaded.plugin) {
    loaded.reason = file + " was built from other sources than the addon; build or install both anew";
  } else if (*loaded.plugin->reason) {
    loaded.reason = loaded.plugin->reason;
    loaded.plugin = nullptr;
  }
  return loaded;
}

// NCCL's part is in the library for CUDA, since it works on the streams of that.
Loaded load_nccl() {
  const CudaSupport cuda = cuda_support();
  if (cuda.devices == 0) return {nullptr, std::string("NCCL joins CUDA devices, and there is none: ") + cuda.reason};
  return load("flambeau_cuda.so", "flambeau_nccl_open", "NCCL", "build the library for CUDA");
}

const Loaded& loaded(Engines engine) {
  switch (engine) {
    case Engines::mpi: {
      static const Loaded mpi = load("flambeau_mpi.so", "flambeau_mpi_open", "MPI",
                                     "install OpenMPI first (Debian: libopenmpi-dev and openmpi-bin)");
      return mpi;
    }
    case Engines::nccl: {
      static const Loaded nccl = load_nccl();
      return nccl;
    }
    case Engines::gloo:
      break;
  }
  static const Loaded gloo =
      load("flambeau_gloo.so", "flambeau_gloo_open", "Gloo", "install Gloo first (Debian: libgloo-dev)");
  return gloo;
}

}  // namespace

GroupSupport group_support(Engines engine) {
  const Loaded& found = loaded(engine);
  return {found.plugin, found.reason.c_str()};
}

}  // namespace flambeau::distributed
