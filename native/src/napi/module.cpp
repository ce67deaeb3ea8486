// The addon: what packages/core/src/binding/native.ts declares. Set-up and rare calls are written with node-addon-api,
// the calls on every operator's way with the plain C interface.
#include <napi.h>

#include "distributed.h"
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

// cuda(): how many devices there are, and why there is none.
Napi::Value cuda(const Napi::CallbackInfo& info) {
  const CudaSupport support = cuda_support();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("devices", support.devices);
  result.Set("reason", support.reason);
  return result;
}

void reset_peak(const Napi::CallbackInfo& info) { backend_of(info).reset_peak(); }

DeviceStreams& streams_of(const Napi::CallbackInfo& info) {
  DeviceStreams* streams = backend_of(info).streams();
  if (!streams) throw Napi::Error::New(info.Env(), "flambeau: this device has no streams");
  return *streams;
}
int64_t number(const Napi::CallbackInfo& info, size_t i) { return info[i].ToNumber().Int64Value(); }
void reply(const Napi::CallbackInfo& info, const Status& status) { write_status(environment(info.Env()), status); }

Napi::Value device_info(const Napi::CallbackInfo& info) {
  const DeviceInfo device = streams_of(info).info();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("name", device.name);
  result.Set("totalMemory", static_cast<double>(device.total_memory));
  result.Set("capability", device.capability);
  result.Set("multiprocessors", device.multiprocessors);
  return result;
}
void set_device_option(const Napi::CallbackInfo& info) {
  streams_of(info).set_option(static_cast<int>(number(info, 1)), info[2].ToBoolean());
}
Napi::Value make_stream(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(streams_of(info).make_stream()));
}
Napi::Value current_stream(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(streams_of(info).current_stream()));
}
void use_stream(const Napi::CallbackInfo& info) { streams_of(info).use_stream(number(info, 1)); }
void synchronize_stream(const Napi::CallbackInfo& info) {
  reply(info, streams_of(info).synchronize_stream(number(info, 1)));
}
Napi::Value make_event(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(streams_of(info).make_event()));
}
void destroy_event(const Napi::CallbackInfo& info) { streams_of(info).destroy_event(number(info, 1)); }
void record_event(const Napi::CallbackInfo& info) {
  reply(info, streams_of(info).record_event(number(info, 1), number(info, 2)));
}
void wait_event(const Napi::CallbackInfo& info) {
  reply(info, streams_of(info).wait_event(number(info, 1), number(info, 2)));
}
void synchronize_event(const Napi::CallbackInfo& info) {
  reply(info, streams_of(info).synchronize_event(number(info, 1)));
}
Napi::Value event_done(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), streams_of(info).event_done(number(info, 1)));
}
Napi::Value elapsed(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), streams_of(info).elapsed(number(info, 1), number(info, 2)));
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
  define(env, exports, "allocatePinned", allocate_pinned);
  define(env, exports, "isPinned", is_pinned);
  define(env, exports, "copyPinned", copy_pinned);
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
  exports.Set("cuda", Napi::Function::New<cuda>(env, "cuda"));
  exports.Set("resetPeak", Napi::Function::New<reset_peak>(env, "resetPeak"));
  exports.Set("deviceInfo", Napi::Function::New<device_info>(env, "deviceInfo"));
  exports.Set("setDeviceOption", Napi::Function::New<set_device_option>(env, "setDeviceOption"));
  exports.Set("makeStream", Napi::Function::New<make_stream>(env, "makeStream"));
  exports.Set("currentStream", Napi::Function::New<current_stream>(env, "currentStream"));
  exports.Set("useStream", Napi::Function::New<use_stream>(env, "useStream"));
  exports.Set("synchronizeStream", Napi::Function::New<synchronize_stream>(env, "synchronizeStream"));
  exports.Set("makeEvent", Napi::Function::New<make_event>(env, "makeEvent"));
  exports.Set("destroyEvent", Napi::Function::New<destroy_event>(env, "destroyEvent"));
  exports.Set("recordEvent", Napi::Function::New<record_event>(env, "recordEvent"));
  exports.Set("waitEvent", Napi::Function::New<wait_event>(env, "waitEvent"));
  exports.Set("synchronizeEvent", Napi::Function::New<synchronize_event>(env, "synchronizeEvent"));
  exports.Set("eventDone", Napi::Function::New<event_done>(env, "eventDone"));
  exports.Set("elapsed", Napi::Function::New<elapsed>(env, "elapsed"));
  exports.Set("setNumThreads", Napi::Function::New<set_threads>(env, "setNumThreads"));
  exports.Set("getNumThreads", Napi::Function::New<get_threads>(env, "getNumThreads"));
  define_distributed(env, exports);
  return exports;
}

}  // namespace
}  // namespace flambeau::napi

static Napi::Object initialize(Napi::Env env, Napi::Object exports) { return flambeau::napi::init(env, exports); }

NODE_API_MODULE(flambeau, initialize)
