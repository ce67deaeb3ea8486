// Stores, process groups and what is under way in them, as packages/core/src/distributed/native.ts declares them.
// A failure is thrown as an Error whose `code` says what kind it is.
#include "distributed.h"

#include <memory>
#include <string>
#include <vector>

#include "distributed/engine.h"
#include "environment.h"

namespace flambeau::napi {
namespace {

using namespace distributed;

void check(Napi::Env env, const Outcome& outcome) {
  constexpr const char* codes[] = {"none", "timeout", "connection", "mismatch", "argument"};
  if (outcome.ok()) return;
  Napi::Error error = Napi::Error::New(env, outcome.message);
  error.Set("code", Napi::String::New(env, codes[static_cast<int>(outcome.failure)]));
  throw error;
}

// What JavaScript holds. The collector deletes it; the end of the environment closes it before.
template <typename T>
struct Box {
  std::shared_ptr<T> value;
  bool hooked = false;
};

template <typename T>
void close_box(void* data) {
  auto* box = static_cast<Box<T>*>(data);
  box->hooked = false;
  if (box->value) box->value->close();
}

template <typename T>
void delete_box(node_api_basic_env env, void* data, void*) {
  auto* box = static_cast<Box<T>*>(data);
  if constexpr (!std::is_same_v<T, Work>)
    if (box->hooked) napi_remove_env_cleanup_hook(env, close_box<T>, box);
  delete box;
}

template <typename T>
napi_value box_of(Napi::Env env, std::shared_ptr<T> value) {
  auto* box = new Box<T>{std::move(value)};
  napi_value result = nullptr;
  if (napi_create_external(env, box, delete_box<T>, nullptr, &result) != napi_ok) {
    delete box;
    return nullptr;
  }
  if constexpr (!std::is_same_v<T, Work>) box->hooked = napi_add_env_cleanup_hook(env, close_box<T>, box) == napi_ok;
  return result;
}

template <typename T>
T& unboxed(const Napi::CallbackInfo& info) {
  void* data = nullptr;
  if (napi_get_value_external(info.Env(), info[0], &data) != napi_ok)
    throw Napi::Error::New(info.Env(), "flambeau: expected a handle");
  return *static_cast<Box<T>*>(data)->value;
}

std::string text(const Napi::Value& value) { return value.ToString().Utf8Value(); }
int64_t integer(const Napi::Value& value) { return value.ToNumber().Int64Value(); }
Milliseconds duration(const Napi::Value& value) { return Milliseconds(integer(value)); }

std::string bytes(const Napi::Value& value) {
  const auto array = value.As<Napi::Uint8Array>();
  return {reinterpret_cast<const char*>(array.Data()), array.ByteLength()};
}

Napi::Value bytes(Napi::Env env, const std::string& value) {
  return Napi::Buffer<char>::Copy(env, value.data(), value.size());
}

std::vector<std::string> texts(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> result;
  for (uint32_t i = 0; i < array.Length(); ++i) result.push_back(text(array.Get(i)));
  return result;
}

template <typename T = int64_t>
std::vector<T> integers(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<T> result;
  for (uint32_t i = 0; i < array.Length(); ++i) result.push_back(static_cast<T>(integer(array.Get(i))));
  return result;
}

// Stores

Napi::Value open_tcp(const Napi::CallbackInfo& info) {
  TcpStoreOptions options{text(info[0]), static_cast<int>(integer(info[1])), info[2].ToBoolean(), duration(info[3])};
  std::unique_ptr<Store> store;
  check(info.Env(), open_tcp_store(options, store));
  return {info.Env(), box_of(info.Env(), std::shared_ptr<Store>(std::move(store)))};
}

Napi::Value open_file(const Napi::CallbackInfo& info) {
  std::unique_ptr<Store> store;
  check(info.Env(), open_file_store(text(info[0]), store));
  return {info.Env(), box_of(info.Env(), std::shared_ptr<Store>(std::move(store)))};
}

void store_set(const Napi::CallbackInfo& info) {
  check(info.Env(), unboxed<Store>(info).set(text(info[1]), bytes(info[2])));
}

Napi::Value store_get(const Napi::CallbackInfo& info) {
  std::string value;
  check(info.Env(), unboxed<Store>(info).get(text(info[1]), duration(info[2]), value));
  return bytes(info.Env(), value);
}

Napi::Value store_add(const Napi::CallbackInfo& info) {
  int64_t sum = 0;
  check(info.Env(), unboxed<Store>(info).add(text(info[1]), integer(info[2]), sum));
  return Napi::Number::New(info.Env(), static_cast<double>(sum));
}

Napi::Value store_compare_set(const Napi::CallbackInfo& info) {
  std::string value;
  check(info.Env(), unboxed<Store>(info).compare_set(text(info[1]), bytes(info[2]), bytes(info[3]), value));
  return bytes(info.Env(), value);
}

void store_wait(const Napi::CallbackInfo& info) {
  check(info.Env(), unboxed<Store>(info).wait(texts(info[1]), duration(info[2])));
}

Napi::Value store_check(const Napi::CallbackInfo& info) {
  bool all = false;
  check(info.Env(), unboxed<Store>(info).check(texts(info[1]), all));
  return Napi::Boolean::New(info.Env(), all);
}

Napi::Value store_delete(const Napi::CallbackInfo& info) {
  bool deleted = false;
  check(info.Env(), unboxed<Store>(info).delete_key(text(info[1]), deleted));
  return Napi::Boolean::New(info.Env(), deleted);
}

Napi::Value store_count(const Napi::CallbackInfo& info) {
  int64_t count = 0;
  check(info.Env(), unboxed<Store>(info).num_keys(count));
  return Napi::Number::New(info.Env(), static_cast<double>(count));
}

Napi::Value store_port(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), unboxed<Store>(info).port());
}

void store_close(const Napi::CallbackInfo& info) { unboxed<Store>(info).close(); }

// Groups

GroupSupport support_for(const Napi::Value& engine) { return group_support(static_cast<Engines>(integer(engine))); }

const GroupPlugin& plugin_for(const Napi::Value& engine) {
  const GroupSupport support = support_for(engine);
  if (!support.plugin) check(engine.Env(), {Failure::argument, support.reason});
  return *support.plugin;
}

Napi::Value group_reason(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), support_for(info[0]).reason);
}

// meet(engine, what rank 0 has to say): of an engine with a launcher of its own
Napi::Value meet(const Napi::CallbackInfo& info) {
  Launched launched;
  launched.told = text(info[1]);
  check(info.Env(), plugin_for(info[0]).meet(launched));
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("rank", launched.rank);
  result.Set("size", launched.size);
  result.Set("told", launched.told);
  return result;
}

void leave(const Napi::CallbackInfo& info) { plugin_for(info[0]).leave(); }

// openGroup(store, prefix, interface, rank, names, timeout, engine, number of the CUDA device)
Napi::Value open_group(const Napi::CallbackInfo& info) {
  const GroupPlugin& plugin = plugin_for(info[6]);
  GroupOptions options;
  options.store = &unboxed<Store>(info);
  options.prefix = text(info[1]);
  options.interface = text(info[2]);
  options.rank = static_cast<int>(integer(info[3]));
  options.names = integers<int>(info[4]);
  options.size = static_cast<int>(options.names.size());
  options.timeout = duration(info[5]);
  options.device = static_cast<int>(integer(info[7]));
  std::unique_ptr<Group> group;
  check(info.Env(), plugin.open_group(options, group));
  return {info.Env(), box_of(info.Env(), std::make_shared<Engine>(std::move(group)))};
}

void close_group(const Napi::CallbackInfo& info) { unboxed<Engine>(info).close(); }

// A member { handle, at } of a request: memory of `size` bytes from `at` on.
void* memory_of(const Napi::Object& request, const char* name, double size, std::vector<Storage*>& storages) {
  const Napi::Value member = request.Get(name);
  if (!member.IsObject()) return nullptr;
  const auto object = member.As<Napi::Object>();
  Handle* handle = handle_of(request.Env(), object.Get("handle"));
  const auto at = static_cast<double>(integer(object.Get("at")));
  if (!handle || !handle->storage || !(at >= 0 && size >= 0) ||
      at + size > static_cast<double>(handle->storage->nbytes) || !handle->storage->ready())
    throw Napi::Error::New(request.Env(), "flambeau: memory outside of a storage");
  storages.push_back(handle->storage);
  return static_cast<char*>(handle->storage->data) + static_cast<size_t>(at);
}

double sum_of(const std::vector<int64_t>& counts) {
  double sum = 0;
  for (const int64_t count : counts) sum += static_cast<double>(count);
  return sum;
}

// runCollective(group, request, parts of `data`, parts of `output`, wait)
Napi::Value run_collective(const Napi::CallbackInfo& info) {
  const auto request = info[1].As<Napi::Object>();
  Collective c;
  c.kind = static_cast<Kind>(integer(request.Get("kind")));
  c.op = static_cast<ReduceOp>(integer(request.Get("op")));
  c.dtype = static_cast<DType>(integer(request.Get("dtype")) % kNumDTypes);
  c.root = static_cast<int>(integer(request.Get("root")));
  c.count = integer(request.Get("count"));
  c.shape = integers(request.Get("shape"));
  c.send_counts = integers(request.Get("sendCounts"));
  c.receive_counts = integers(request.Get("receiveCounts"));
  c.note = text(request.Get("note"));
  c.timeout = duration(request.Get("timeout"));
  const double element = static_cast<double>(size_of(c.dtype));
  const bool uneven = c.kind == Kind::all_to_all;
  const auto part = element * static_cast<double>(c.count);
  const double in = uneven ? element * sum_of(c.send_counts) : part * info[2].ToNumber().DoubleValue();
  const double out = uneven ? element * sum_of(c.receive_counts) : part * info[3].ToNumber().DoubleValue();
  std::vector<Storage*> storages;
  c.data = memory_of(request, "data", in, storages);
  c.output = memory_of(request, "output", out, storages);
  return {info.Env(),
          box_of(info.Env(), unboxed<Engine>(info).run(std::move(c), info[4].ToBoolean(), std::move(storages)))};
}

// transfer(group, request, send, wait)
Napi::Value transfer(const Napi::CallbackInfo& info) {
  const auto request = info[1].As<Napi::Object>();
  Message m;
  m.dtype = static_cast<DType>(integer(request.Get("dtype")) % kNumDTypes);
  m.count = integer(request.Get("count"));
  m.peer = static_cast<int>(integer(request.Get("peer")));
  m.tag = static_cast<uint32_t>(integer(request.Get("tag")));
  m.timeout = duration(request.Get("timeout"));
  std::vector<Storage*> storages;
  m.data = memory_of(request, "data", static_cast<double>(m.count) * static_cast<double>(size_of(m.dtype)), storages);
  const bool send = info[2].ToBoolean(), wait = info[3].ToBoolean();
  return {info.Env(), box_of(info.Env(), unboxed<Engine>(info).transfer(m, send, wait, std::move(storages)))};
}

// Work

void work_wait(const Napi::CallbackInfo& info) { check(info.Env(), unboxed<Work>(info).wait()); }

Napi::Value work_done(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), unboxed<Work>(info).done());
}

Napi::Value work_peer(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), unboxed<Work>(info).peer());
}

// workThen(work, callback): calls back here once it is done. Until then it keeps the event loop alive.
void work_then(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  napi_threadsafe_function function = nullptr;
  napi_create_threadsafe_function(env, info[1], nullptr, Napi::String::New(env, "flambeau"), 0, 1, nullptr, nullptr,
                                  nullptr, nullptr, &function);
  unboxed<Work>(info).when_done([function] {
    // Where the environment is ending, nobody waits for it.
    if (napi_call_threadsafe_function(function, nullptr, napi_tsfn_nonblocking) != napi_closing)
      napi_release_threadsafe_function(function, napi_tsfn_release);
  });
}

}  // namespace

void define_distributed(Napi::Env env, Napi::Object exports) {
  Napi::Object all = Napi::Object::New(env);
  const auto define = [&]<auto function>(const char* name) { all.Set(name, Napi::Function::New<function>(env, name)); };
  define.operator()<open_tcp>("openTcpStore");
  define.operator()<open_file>("openFileStore");
  define.operator()<store_set>("storeSet");
  define.operator()<store_get>("storeGet");
  define.operator()<store_add>("storeAdd");
  define.operator()<store_compare_set>("storeCompareSet");
  define.operator()<store_wait>("storeWait");
  define.operator()<store_check>("storeCheck");
  define.operator()<store_delete>("storeDelete");
  define.operator()<store_count>("storeCount");
  define.operator()<store_port>("storePort");
  define.operator()<store_close>("storeClose");
  define.operator()<group_reason>("groupReason");
  define.operator()<meet>("meet");
  define.operator()<leave>("leave");
  define.operator()<open_group>("openGroup");
  define.operator()<close_group>("closeGroup");
  define.operator()<run_collective>("runCollective");
  define.operator()<transfer>("transfer");
  define.operator()<work_wait>("workWait");
  define.operator()<work_done>("workDone");
  define.operator()<work_peer>("workPeer");
  define.operator()<work_then>("workThen");
  exports.Set("distributed", all);
}

}  // namespace flambeau::napi
