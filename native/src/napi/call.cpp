// call(kernel, words, ...handles): runs a kernel on the words in the scratch array. The status comes back in the
// first words of the scratch array, so that the usual case makes no JavaScript value.
#include <array>
#include <vector>

#include "environment.h"
#include "flambeau/backend.h"

namespace flambeau::napi {

void write_status(Environment& environment, const Status& status) {
  double* words = environment.scratch;
  words[0] = static_cast<double>(status.code);
  if (status.ok()) return;
  words[1] = static_cast<double>(status.position);
  words[2] = static_cast<double>(status.value);
  words[3] = static_cast<double>(status.limit);
  words[4] = status.kernel;
}

napi_value call(napi_env env, napi_callback_info info) {
  // Most calls have at most four storages; what is not given is filled in with undefined, one by one.
  constexpr size_t kInline = 6;
  std::array<napi_value, kInline> inline_args;
  std::vector<napi_value> many;
  size_t argc = kInline;
  napi_value* args = inline_args.data();
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  if (argc > kInline) {
    many.resize(argc);
    args = many.data();
    napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  }
  std::array<Storage*, kInline> inline_storages;
  std::vector<Storage*> many_storages;
  Storage** storages = inline_storages.data();
  if (argc > kInline) {
    many_storages.resize(argc);
    storages = many_storages.data();
  }
  int32_t kernel = 0, words = 0;
  napi_get_value_int32(env, args[0], &kernel);
  napi_get_value_int32(env, args[1], &words);
  const size_t count = argc - 2;
  for (size_t i = 0; i < count; ++i) {
    Handle* handle = handle_of(env, args[i + 2]);
    if (!handle || !handle->storage) {
      throw_error(env, "flambeau: a kernel call with a disposed or foreign storage");
      return nullptr;
    }
    storages[i] = handle->storage;
    if (storages[i]->backend != storages[0]->backend) {
      throw_error(env, "flambeau: a kernel call with storages of several devices");
      return nullptr;
    }
  }
  Environment& environment = napi::environment(env);
  if (environment.deferred) {
    environment.deferred->emplace_back(kernel, std::span<const double>(environment.scratch, words),
                                       std::span<Storage* const>(storages, count));
    write_status(environment, {});
    return nullptr;
  }
  Backend& backend = *storages[0]->backend;
  write_status(environment,
               backend.submit(kernel, {environment.scratch, static_cast<size_t>(words)}, {storages, count}));
  return nullptr;
}

}  // namespace flambeau::napi
