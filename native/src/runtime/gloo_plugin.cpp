// Loads the shared library for Gloo, which is there where Gloo was when Flambeau was built.
#include "flambeau/distributed.h"
#include "flambeau/kernels.gen.h"
#include "runtime/beside.h"

namespace flambeau::distributed {
namespace {

struct Loaded {
  const GlooPlugin* plugin = nullptr;
  std::string reason;
};

Loaded load() {
  Loaded loaded;
  void* library = open_beside("flambeau_gloo.so", loaded.reason);
  if (!library) {
    loaded.reason = "this build of Flambeau has no library for Gloo (" + loaded.reason +
                    "); where you build it yourself, install Gloo first (Debian: libgloo-dev)";
    return loaded;
  }
  const auto open = reinterpret_cast<GlooOpen>(symbol_of(library, kGlooOpenName));
  loaded.plugin = open ? open(kFingerprint) : nullptr;
  if (!loaded.plugin)
    loaded.reason = "flambeau_gloo.so was built from other sources than the addon; build or install both anew";
  return loaded;
}

}  // namespace

GlooSupport gloo_support() {
  static const Loaded loaded = load();
  return {loaded.plugin, loaded.reason.c_str()};
}

}  // namespace flambeau::distributed
