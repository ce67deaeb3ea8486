#include "runtime/beside.h"

#ifndef _WIN32
#include <dlfcn.h>
#endif

namespace flambeau {
#ifdef _WIN32

void* open_beside(const char* file, std::string& reason) {
  reason = std::string(file) + " is not there on Windows";
  return nullptr;
}
void* symbol_of(void*, const char*) { return nullptr; }

#else

void* open_beside(const char* file, std::string& reason) {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&open_beside), &info) == 0 || !info.dli_fname) {
    reason = "the folder of Flambeau's native library cannot be found";
    return nullptr;
  }
  const std::string own = info.dli_fname;
  const size_t slash = own.rfind('/');
  const std::string path = (slash == std::string::npos ? "" : own.substr(0, slash + 1)) + file;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* error = dlerror();
    reason = error ? error : path;
  }
  return library;
}

void* symbol_of(void* library, const char* name) { return dlsym(library, name); }

#endif
}  // namespace flambeau
