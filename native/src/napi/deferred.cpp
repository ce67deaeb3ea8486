// Computing off the JavaScript thread: between defer() and runDeferred(), kernel calls are kept as data; then a thread
// of libuv's pool runs them in order, and each gives its storages back when it is done.
#include <memory>
#include <vector>

#include "environment.h"
#include "flambeau/backend.h"

namespace flambeau::napi {
namespace {

struct Work {
  std::unique_ptr<std::vector<Call>> calls;
  int threads = 1;
  size_t failed = 0;  // the call that `status` is of
  Status status;
  napi_async_work work = nullptr;
  napi_ref callback = nullptr;
};

void execute(napi_env, void* data) {
  Work& work = *static_cast<Work*>(data);
  set_num_threads(work.threads);
  for (size_t i = 0; i < work.calls->size(); ++i) {
    // Moved out, so that its storages are released as soon as it has run.
    const Call call = std::move((*work.calls)[i]);
    Backend& backend = *call.storages[0]->backend;
    work.status = backend.submit(call.kernel, call.words, call.storages);
    if (!work.status.ok()) {
      work.failed = i;
      break;
    }
  }
  work.calls.reset();
}

void complete(napi_env env, napi_status, void* data) {
  const std::unique_ptr<Work> work(static_cast<Work*>(data));
  write_status(environment(env), work->status);
  napi_value callback = nullptr, global = nullptr, index = nullptr;
  napi_get_reference_value(env, work->callback, &callback);
  napi_get_global(env, &global);
  napi_create_int64(env, static_cast<int64_t>(work->failed), &index);
  napi_call_function(env, global, callback, 1, &index, nullptr);
  napi_delete_reference(env, work->callback);
  napi_delete_async_work(env, work->work);
}

}  // namespace

// defer(): from now on calls are kept.
napi_value defer(napi_env env, napi_callback_info) {
  environment(env).deferred = new std::vector<Call>;
  return nullptr;
}

// keepDeferred(): calls run at once again; gives what was kept, as an External, for runDeferred.
napi_value keep_deferred(napi_env env, napi_callback_info) {
  Environment& here = environment(env);
  std::vector<Call>* calls = here.deferred;
  here.deferred = nullptr;
  napi_value result = nullptr;
  napi_create_external(
      env, calls, [](node_api_basic_env, void* data, void*) { delete static_cast<std::vector<Call>*>(data); }, nullptr,
      &result);
  return result;
}

// runDeferred(calls, callback): runs them on another thread, then callback(position of the call that failed) here, with
// the status in the scratch array.
napi_value run_deferred(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value args[2], name = nullptr;
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  void* data = nullptr;
  napi_get_value_external(env, args[0], &data);
  auto work = std::make_unique<Work>();
  work->calls = std::make_unique<std::vector<Call>>(std::move(*static_cast<std::vector<Call>*>(data)));
  work->threads = get_num_threads();
  napi_create_reference(env, args[1], 1, &work->callback);
  napi_create_string_utf8(env, "flambeau", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, nullptr, name, execute, complete, work.get(), &work->work);
  napi_queue_async_work(env, work.release()->work);
  return nullptr;
}

}  // namespace flambeau::napi
