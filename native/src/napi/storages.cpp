// Storages as JavaScript sees them: handles that the collector frees inside a collection, copies in and out, shared
// buffers, and one-use tokens by which a storage crosses to another thread. A token belongs to a channel, which the
// receiving environment opens: closing it, or the end of that environment, frees what was sent and never received.
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "environment.h"
#include "flambeau/backend.h"
#include "flambeau/pinned.h"

namespace flambeau::napi {
namespace {

// What a handle adds to the account of memory. The pages of a file go back to the system by themselves, but for those
// that were written to: a tensor of them counts a sixteenth (as packages/core/src/files/mapped-file.ts has it), the
// whole nothing.
double weight_of(const Storage& storage) {
  if (storage.mapped) return 0;
  const double bytes = static_cast<double>(storage.nbytes);
  return storage.whole && storage.whole->mapped ? bytes / 16 : bytes;
}

// A basic finalizer: it runs during the collection and may not touch JavaScript.
void finalize_handle(node_api_basic_env env, void* data, void*) {
  auto* handle = static_cast<Handle*>(data);
  if (handle->storage) {
    environment(env).account(-weight_of(*handle->storage));
    handle->storage->release();
  }
  delete handle;
}

// The bytes of a typed array, DataView, Buffer or ArrayBuffer; false for anything else.
bool bytes_of(napi_env env, napi_value value, void** data, size_t* length) {
  bool is = false;
  if (napi_is_typedarray(env, value, &is) == napi_ok && is) {
    napi_typedarray_type type;
    size_t count = 0;
    napi_get_typedarray_info(env, value, &type, &count, data, nullptr, nullptr);
    constexpr size_t sizes[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 2};
    *length = count * sizes[type];
    return true;
  }
  if (napi_is_arraybuffer(env, value, &is) == napi_ok && is)
    return napi_get_arraybuffer_info(env, value, data, length) == napi_ok;
  return false;
}

struct Token {
  Storage* storage;
  int64_t channel;
};

std::mutex token_mutex;
std::unordered_map<int64_t, Token> tokens;
std::unordered_set<int64_t> channels;
int64_t next_id = 1;

void close(int64_t channel) {
  std::vector<Storage*> undelivered;
  {
    std::lock_guard lock(token_mutex);
    channels.erase(channel);
    std::erase_if(tokens, [&](const auto& entry) {
      if (entry.second.channel != channel) return false;
      undelivered.push_back(entry.second.storage);
      return true;
    });
  }
  for (Storage* storage : undelivered) storage->release();
}

void close_at_exit(void* channel) { close(static_cast<int64_t>(reinterpret_cast<intptr_t>(channel))); }

int64_t integer(napi_env env, napi_value value) {
  int64_t result = 0;
  napi_get_value_int64(env, value, &result);
  return result;
}

}  // namespace

void throw_error(napi_env env, const char* message) { napi_throw_error(env, nullptr, message); }

Handle* handle_of(napi_env env, napi_value value) {
  void* data = nullptr;
  return napi_get_value_external(env, value, &data) == napi_ok ? static_cast<Handle*>(data) : nullptr;
}

napi_value make_handle(napi_env env, Storage* storage) {
  napi_value result = nullptr;
  auto* handle = new Handle{storage};
  if (napi_create_external(env, handle, finalize_handle, nullptr, &result) != napi_ok) {
    // A thread that is being terminated: nobody will see the handle.
    storage->release();
    delete handle;
    return nullptr;
  }
  environment(env).account(weight_of(*storage));
  return result;
}

// allocate(device, nbytes): a handle, or undefined when memory is exhausted.
napi_value allocate(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value args[2];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  int32_t device = 0;
  double nbytes = 0;
  napi_get_value_int32(env, args[0], &device);
  napi_get_value_double(env, args[1], &nbytes);
  Backend* backend = find_backend(device);
  if (!backend) {
    throw_error(env, "flambeau: no such device");
    return nullptr;
  }
  // A number that is no size: converting it would be undefined.
  if (!(nbytes >= 0 && nbytes <= 0x1p60)) return nullptr;
  // What calls that are kept for later will write need not be there yet: it is allocated when they come to it, in
  // memory that those before them have given back. Small storages are chunks, which other calls use meanwhile.
  constexpr double kSmall = 262144;
  Storage* storage = environment(env).deferred && backend == &cpu_backend() && nbytes > kSmall
                         ? Storage::later(*backend, static_cast<size_t>(nbytes))
                         : Storage::allocate(*backend, static_cast<size_t>(nbytes));
  return storage ? make_handle(env, storage) : nullptr;
}

// dispose(handle): gives the memory back now.
napi_value dispose(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value arg;
  napi_get_cb_info(env, info, &argc, &arg, nullptr, nullptr);
  Handle* handle = handle_of(env, arg);
  if (handle && handle->storage) {
    environment(env).account(-weight_of(*handle->storage));
    handle->storage->release();
    handle->storage = nullptr;
  }
  return nullptr;
}

// mapFile(fd, nbytes): a handle of the first bytes of an open file, read when they are touched; the system's error
// number where it cannot be mapped.
napi_value map_file(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value args[2];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  int error = 0;
  Storage* storage =
      Storage::map_file(static_cast<int>(integer(env, args[0])), static_cast<size_t>(integer(env, args[1])), error);
  if (storage) return make_handle(env, storage);
  napi_value result = nullptr;
  napi_create_int32(env, error, &result);
  return result;
}

// allocatePinned(number of the CUDA device, nbytes): a handle of pinned memory, or undefined when there is no more.
napi_value allocate_pinned(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value args[2];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  Storage* storage =
      flambeau::allocate_pinned(static_cast<int>(integer(env, args[0])), static_cast<size_t>(integer(env, args[1])));
  return storage ? make_handle(env, storage) : nullptr;
}

// isPinned(handle)
napi_value is_pinned(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value arg;
  napi_get_cb_info(env, info, &argc, &arg, nullptr, nullptr);
  Handle* handle = handle_of(env, arg);
  napi_value result = nullptr;
  napi_get_boolean(env, handle && handle->storage && flambeau::is_pinned(*handle->storage), &result);
  return result;
}

// copyPinned(to, toOffset, from, fromOffset, nbytes): the device copies when it comes to it.
napi_value copy_pinned(napi_env env, napi_callback_info info) {
  size_t argc = 5;
  napi_value args[5];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  Handle *to = handle_of(env, args[0]), *from = handle_of(env, args[2]);
  const auto at = static_cast<size_t>(integer(env, args[1])), from_at = static_cast<size_t>(integer(env, args[3])),
             nbytes = static_cast<size_t>(integer(env, args[4]));
  const auto holds = [](Handle* handle, size_t offset, size_t size) {
    return handle && handle->storage && offset <= handle->storage->nbytes && size <= handle->storage->nbytes - offset;
  };
  if (!holds(to, at, nbytes) || !holds(from, from_at, nbytes) || !flambeau::is_pinned(*from->storage) ||
      !to->storage->backend->streams()) {
    throw_error(env, "flambeau: copyPinned takes memory of a CUDA device and pinned memory");
    return nullptr;
  }
  write_status(environment(env), flambeau::copy_pinned(*to->storage, at, *from->storage, from_at, nbytes));
  return nullptr;
}

// part(handle, byteOffset, nbytes): a handle of a part of that memory, which it keeps alive.
napi_value part(napi_env env, napi_callback_info info) {
  size_t argc = 3;
  napi_value args[3];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  Handle* handle = handle_of(env, args[0]);
  const int64_t offset = integer(env, args[1]), nbytes = integer(env, args[2]);
  if (!handle || !handle->storage || offset < 0 || nbytes < 0 ||
      static_cast<size_t>(offset) > handle->storage->nbytes ||
      static_cast<size_t>(nbytes) > handle->storage->nbytes - static_cast<size_t>(offset)) {
    throw_error(env, "flambeau: part takes a storage that is not disposed and a range inside of it");
    return nullptr;
  }
  if (!handle->storage->ready()) return nullptr;
  return make_handle(env, Storage::part(*handle->storage, static_cast<size_t>(offset), static_cast<size_t>(nbytes)));
}

namespace {

// (handle, byteOffset, bytes): the shared part of read and write.
napi_value transfer(napi_env env, napi_callback_info info, bool to_host) {
  size_t argc = 3;
  napi_value args[3];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  Handle* handle = handle_of(env, args[0]);
  const size_t offset = static_cast<size_t>(integer(env, args[1]));
  void* host = nullptr;
  size_t length = 0;
  if (!handle || !handle->storage || !bytes_of(env, args[2], &host, &length)) {
    throw_error(env, "flambeau: read and write take a storage that is not disposed and a typed array");
    return nullptr;
  }
  // An empty array has no address, which memcpy must not be given even for no bytes at all.
  static char nothing;
  if (!host) host = &nothing;
  Storage& storage = *handle->storage;
  if (offset > storage.nbytes || length > storage.nbytes - offset) {
    throw_error(env, "flambeau: read or write past the end of a storage");
    return nullptr;
  }
  if (!storage.ready()) {
    write_status(environment(env), {StatusCode::out_of_memory, 0, static_cast<int64_t>(storage.nbytes)});
    return nullptr;
  }
  write_status(environment(env), to_host ? storage.backend->read(host, storage, offset, length)
                                         : storage.backend->write(storage, offset, host, length));
  return nullptr;
}

}  // namespace

napi_value read(napi_env env, napi_callback_info info) { return transfer(env, info, true); }
napi_value write(napi_env env, napi_callback_info info) { return transfer(env, info, false); }

// share(handle): an ArrayBuffer over the storage's own memory, which it keeps alive; undefined where the host cannot
// read that memory.
napi_value share(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value arg;
  napi_get_cb_info(env, info, &argc, &arg, nullptr, nullptr);
  Handle* handle = handle_of(env, arg);
  if (!handle || !handle->storage) return nullptr;
  Storage* storage = handle->storage;
  void* data = storage->ready() ? storage->backend->host_pointer(*storage) : nullptr;
  if (!data) return nullptr;
  napi_value buffer = nullptr;
  storage->retain();
  const auto release = [](node_api_basic_env, void*, void* hint) { static_cast<Storage*>(hint)->release(); };
  if (napi_create_external_arraybuffer(env, data, storage->nbytes, release, storage, &buffer) != napi_ok) {
    storage->release();
    return nullptr;
  }
  return buffer;
}

// detach(buffer): empties an ArrayBuffer that `share` gave out; it lets go of the memory. A transfer would copy it.
napi_value detach(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value arg;
  napi_get_cb_info(env, info, &argc, &arg, nullptr, nullptr);
  bool is = false;
  if (napi_is_arraybuffer(env, arg, &is) == napi_ok && is) napi_detach_arraybuffer(env, arg);
  return nullptr;
}

// openChannel(): where other threads may send storages to this one.
napi_value open_channel(napi_env env, napi_callback_info) {
  int64_t channel = 0;
  {
    std::lock_guard lock(token_mutex);
    channel = next_id++;
    channels.insert(channel);
  }
  napi_add_env_cleanup_hook(env, close_at_exit, reinterpret_cast<void*>(static_cast<intptr_t>(channel)));
  napi_value result = nullptr;
  napi_create_int64(env, channel, &result);
  return result;
}

// closeChannel(channel), in the environment that opened it: frees what was not received; what is sent from now on is
// dropped.
napi_value close_channel(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value arg;
  napi_get_cb_info(env, info, &argc, &arg, nullptr, nullptr);
  const int64_t channel = integer(env, arg);
  {
    std::lock_guard lock(token_mutex);
    if (!channels.contains(channel)) return nullptr;
  }
  napi_remove_env_cleanup_hook(env, close_at_exit, reinterpret_cast<void*>(static_cast<intptr_t>(channel)));
  close(channel);
  return nullptr;
}

// sendStorage(handle, channel): a token that the channel's owner exchanges, once, for a handle of its own.
napi_value send_storage(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value args[2];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  Handle* handle = handle_of(env, args[0]);
  if (!handle || !handle->storage) {
    throw_error(env, "flambeau: a disposed storage cannot be sent");
    return nullptr;
  }
  const int64_t channel = integer(env, args[1]);
  int64_t token = 0;
  {
    std::lock_guard lock(token_mutex);
    token = next_id++;
    if (channels.contains(channel)) {
      handle->storage->retain();
      tokens[token] = {handle->storage, channel};
    }
  }
  napi_value result = nullptr;
  napi_create_int64(env, token, &result);
  return result;
}

// receiveStorage(token): the handle, or undefined when the token was used or its channel closed.
napi_value receive_storage(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value arg;
  napi_get_cb_info(env, info, &argc, &arg, nullptr, nullptr);
  Storage* storage = nullptr;
  {
    std::lock_guard lock(token_mutex);
    const auto found = tokens.find(integer(env, arg));
    if (found == tokens.end()) return nullptr;
    storage = found->second.storage;
    tokens.erase(found);
  }
  return make_handle(env, storage);
}

}  // namespace flambeau::napi
