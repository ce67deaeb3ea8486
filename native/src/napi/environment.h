// What one JavaScript environment (the main thread or a worker) holds: its scratch array and its account of memory.
#pragma once
#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "flambeau/call.h"
#include "flambeau/status.h"
#include "flambeau/storage.h"

namespace flambeau::napi {

inline constexpr size_t kScratchWords = 1 << 16;

// What a JavaScript handle (an External) points to. Disposing empties it; the collector deletes it.
struct Handle {
  Storage* storage = nullptr;
};

// The scratch word in which the host reads the bytes of the storages that this environment holds. The host paces
// collections by it (packages/core/src/tensor/collect.ts): napi_adjust_external_memory would let V8 do so, but it
// finalises incremental marking from within, and aborts there ("Check failed: marking_done_", Node 20 and 22).
inline constexpr size_t kLiveBytesWord = kScratchWords - 1;

struct Environment {
  double* scratch = nullptr;
  std::vector<Call>* deferred = nullptr;  // where calls are kept rather than run (deferred.cpp)

  void account(double bytes) { scratch[kLiveBytesWord] += bytes; }
};

inline Environment& environment(node_api_basic_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Environment*>(data);
}

// Throws a JavaScript Error; for misuse that TypeScript has not caught, which is a defect there.
void throw_error(napi_env env, const char* message);

// The native functions, each of (env, info).
napi_value call(napi_env env, napi_callback_info info);

napi_value defer(napi_env env, napi_callback_info info);
napi_value keep_deferred(napi_env env, napi_callback_info info);
napi_value run_deferred(napi_env env, napi_callback_info info);

napi_value allocate(napi_env env, napi_callback_info info);
napi_value dispose(napi_env env, napi_callback_info info);
napi_value map_file(napi_env env, napi_callback_info info);
napi_value allocate_pinned(napi_env env, napi_callback_info info);
napi_value is_pinned(napi_env env, napi_callback_info info);
napi_value copy_pinned(napi_env env, napi_callback_info info);
napi_value part(napi_env env, napi_callback_info info);
napi_value read(napi_env env, napi_callback_info info);
napi_value write(napi_env env, napi_callback_info info);
napi_value share(napi_env env, napi_callback_info info);
napi_value detach(napi_env env, napi_callback_info info);
napi_value open_channel(napi_env env, napi_callback_info info);
napi_value close_channel(napi_env env, napi_callback_info info);
napi_value send_storage(napi_env env, napi_callback_info info);
napi_value receive_storage(napi_env env, napi_callback_info info);

Handle* handle_of(napi_env env, napi_value value);
napi_value make_handle(napi_env env, Storage* storage);
void write_status(Environment& environment, const Status& status);

}  // namespace flambeau::napi
