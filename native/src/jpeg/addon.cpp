// The addon flambeau_jpeg: JPEG images decoded by libjpeg-turbo on threads of libuv's pool. It is built where TurboJPEG
// is, and loaded by the packages that read images; nothing else of Flambeau knows of it.
#include <node_api.h>
#include <turbojpeg.h>

#include <cstdint>
#include <memory>

namespace {

struct CloseDecoder {
  void operator()(void* decoder) const { tjDestroy(decoder); }
};
using Decoder = std::unique_ptr<void, CloseDecoder>;

struct Bytes {
  uint8_t* data = nullptr;
  size_t size = 0;
};

bool read_bytes(napi_env env, napi_value value, Bytes& bytes) {
  void* data = nullptr;
  napi_typedarray_type type{};
  if (napi_get_typedarray_info(env, value, &type, &bytes.size, &data, nullptr, nullptr) != napi_ok) return false;
  bytes.data = static_cast<uint8_t*>(data);
  return type == napi_uint8_array;
}

// Of an image whose channels TurboJPEG can give: not one of four inks.
struct Header {
  int width = 0, height = 0, channels = 0;
};

Header read_header(tjhandle decoder, const Bytes& bytes) {
  int width = 0, height = 0, sampling = 0, space = 0;
  if (tjDecompressHeader3(decoder, bytes.data, bytes.size, &width, &height, &sampling, &space) != 0) return {};
  if (space == TJCS_GRAY) return {width, height, 1};
  if (space == TJCS_RGB || space == TJCS_YCbCr) return {width, height, 3};
  return {};
}

// header(bytes): width, height and channels, or undefined where TurboJPEG cannot tell them.
napi_value header(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value arg = nullptr, result = nullptr;
  Bytes bytes;
  if (napi_get_cb_info(env, info, &argc, &arg, nullptr, nullptr) != napi_ok || argc < 1 ||
      !read_bytes(env, arg, bytes)) {
    napi_throw_type_error(env, nullptr, "header: expected a Uint8Array");
    return nullptr;
  }
  const Decoder decoder(tjInitDecompress());
  const Header found = decoder ? read_header(decoder.get(), bytes) : Header{};
  if (found.channels == 0) return nullptr;
  napi_create_array_with_length(env, 3, &result);
  const int numbers[3] = {found.width, found.height, found.channels};
  for (uint32_t i = 0; i < 3; ++i) {
    napi_value number = nullptr;
    napi_create_int32(env, numbers[i], &number);
    napi_set_element(env, result, i, number);
  }
  return result;
}

struct Work {
  Bytes bytes, pixels;
  int format = TJPF_RGB;
  bool good = false;
  napi_async_work work = nullptr;
  // The two arrays, kept alive, and the callback.
  napi_ref references[3] = {};
};

void execute(napi_env, void* data) {
  Work& work = *static_cast<Work*>(data);
  const Decoder decoder(tjInitDecompress());
  if (!decoder) return;
  const Header found = read_header(decoder.get(), work.bytes);
  const size_t size = static_cast<size_t>(found.width) * found.height * tjPixelSize[work.format];
  if (found.channels == 0 || size != work.pixels.size) return;
  // Whatever is odd about an image is for the caller to look into by other means.
  work.good =
      tjDecompress2(decoder.get(), work.bytes.data, work.bytes.size, work.pixels.data, found.width, 0, found.height,
                    work.format, TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS) == 0;
}

void complete(napi_env env, napi_status, void* data) {
  const std::unique_ptr<Work> work(static_cast<Work*>(data));
  napi_value callback = nullptr, global = nullptr, good = nullptr;
  napi_get_reference_value(env, work->references[2], &callback);
  for (const napi_ref reference : work->references) napi_delete_reference(env, reference);
  napi_delete_async_work(env, work->work);
  napi_get_global(env, &global);
  napi_get_boolean(env, work->good, &good);
  napi_call_function(env, global, callback, 1, &good, nullptr);
}

// decode(bytes, pixels, gray, callback): fills `pixels`, of one channel where `gray` is set and of three otherwise, and
// calls back with whether the image was whole.
napi_value decode(napi_env env, napi_callback_info info) {
  size_t argc = 4;
  napi_value args[4] = {}, name = nullptr;
  auto work = std::make_unique<Work>();
  bool gray = false;
  if (napi_get_cb_info(env, info, &argc, args, nullptr, nullptr) != napi_ok || argc < 4 ||
      !read_bytes(env, args[0], work->bytes) || !read_bytes(env, args[1], work->pixels) ||
      napi_get_value_bool(env, args[2], &gray) != napi_ok) {
    napi_throw_type_error(env, nullptr, "decode: expected two Uint8Arrays, a boolean and a function");
    return nullptr;
  }
  work->format = gray ? TJPF_GRAY : TJPF_RGB;
  const napi_value kept[3] = {args[0], args[1], args[3]};
  for (int i = 0; i < 3; ++i) napi_create_reference(env, kept[i], 1, &work->references[i]);
  napi_create_string_utf8(env, "flambeau jpeg", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, nullptr, name, execute, complete, work.get(), &work->work);
  napi_queue_async_work(env, work.release()->work);
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function = nullptr;
  napi_create_function(env, "header", NAPI_AUTO_LENGTH, header, nullptr, &function);
  napi_set_named_property(env, exports, "header", function);
  napi_create_function(env, "decode", NAPI_AUTO_LENGTH, decode, nullptr, &function);
  napi_set_named_property(env, exports, "decode", function);
  return exports;
}
