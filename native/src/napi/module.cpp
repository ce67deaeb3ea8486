// The addon: what packages/core/src/binding/native.ts declares. Set-up and rare calls are written with node-addon-api,
// the calls on every operator's way with the plain C interface.
#include <napi.h>

#include "environment.h"
#include "cpu/layouts.h"
#include "flambeau/backend.h"

namespace flambeau::napi {
namespace {

Backend& backend_of(const Napi::CallbackInfo& info) {
  Backend* backend = find_backend(info[0].ToNumber().Int32Value());
  if (!backend) throw Napi::Error::New(info.Env(), "flambeau: no such device");
  return *backend;
}

// memory(device): bytes in use, cached, at the peak, and the number of allocations.
Napi::Value memory(const Napi::CallbackInfo& info) {
  const MemoryStats stats = backend_of(info).memory();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("inUse", static_cast<double>(stats.in_use));
  result.Set("cached", static_cast<double>(stats.cached));
  result.Set("peak", static_cast<double>(stats.peak));
  result.Set("allocations", static_cast<double>(stats.allocations));
  return result;
}

void empty_cache(const Napi::CallbackInfo& info) { backend_of(info).empty_cache(); }

void synchronize(const Napi::CallbackInfo& info) {
  write_status(environment(info.Env()), backend_of(info).synchronize());
}

void set_threads(const Napi::CallbackInfo& info) { set_num_threads(info[0].ToNumber().Int32Value()); }

Napi::Value get_threads(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), get_num_threads()); }

void define(Napi::Env env, Napi::Object exports, const char* name, napi_callback function) {
  napi_value value = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
  exports.Set(name, value);
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  // Never deleted: the handles' finalizers run after the environment's own data would have gone.
  auto* environment = new Environment;
  napi_set_instance_data(env, environment, nullptr, nullptr);
  // The buffer's memory never moves; the reference keeps it for as long as the environment lives.
  Napi::ArrayBuffer scratch = Napi::ArrayBuffer::New(env, kScratchWords * sizeof(double));
  environment->scratch = static_cast<double*>(scratch.Data());
  napi_ref keep = nullptr;
  napi_create_reference(env, scratch, 1, &keep);
  exports.Set("scratch", scratch);
  exports.Set("fingerprint", kFingerprint);
  exports.Set("preferredBlock", static_cast<double>(cpu::preferred_block()));

  define(env, exports, "call", call);
  define(env, exports, "defer", defer);
  define(env, exports, "keepDeferred", keep_deferred);
  define(env, exports, "runDeferred", run_deferred);
  define(env, exports, "allocate", allocate);
  define(env, exports, "dispose", dispose);
  define(env, exports, "mapFile", map_file);
  define(env, exports, "part", part);
  define(env, exports, "read", read);
  define(env, exports, "write", write);
  define(env, exports, "share", share);
  define(env, exports, "detach", detach);
  define(env, exports, "openChannel", open_channel);
  define(env, exports, "closeChannel", close_channel);
  define(env, exports, "sendStorage", send_storage);
  define(env, exports, "receiveStorage", receive_storage);
  exports.Set("memory", Napi::Function::New<memory>(env, "memory"));
  exports.Set("emptyCache", Napi::Function::New<empty_cache>(env, "emptyCache"));
  exports.Set("synchronize", Napi::Function::New<synchronize>(env, "synchronize"));
  exports.Set("setNumThreads", Napi::Function::New<set_threads>(env, "setNumThreads"));
  exports.Set("getNumThreads", Napi::Function::New<get_threads>(env, "getNumThreads"));
  return exports;
}

}  // namespace
}  // namespace flambeau::napi

static Napi::Object initialize(Napi::Env env, Napi::Object exports) { return flambeau::napi::init(env, exports); }

NODE_API_MODULE(flambeau, initialize)
