#include "runtime/file_map.h"

#include <cerrno>
#include <cstdint>

#ifdef _WIN32
#include <windows.h>
// Node's own: a descriptor means nothing to the C runtime of an addon.
extern "C" __declspec(dllimport) void* uv_get_osfhandle(int fd);
#else
#include <sys/mman.h>
#include <sys/stat.h>
#endif

namespace flambeau {

#ifdef _WIN32

void* map_pages(int fd, size_t nbytes, int& error) {
  HANDLE file = uv_get_osfhandle(fd);
  LARGE_INTEGER size;
  if (file == INVALID_HANDLE_VALUE || !GetFileSizeEx(file, &size)) {
    error = EBADF;
    return nullptr;
  }
  if (static_cast<uint64_t>(size.QuadPart) < nbytes) {
    error = EOVERFLOW;
    return nullptr;
  }
  HANDLE mapping = CreateFileMappingW(file, nullptr, PAGE_WRITECOPY, 0, 0, nullptr);
  void* data = mapping ? MapViewOfFile(mapping, FILE_MAP_COPY, 0, 0, nbytes) : nullptr;
  if (!data) error = GetLastError() == ERROR_NOT_ENOUGH_MEMORY ? ENOMEM : ENODEV;
  if (mapping) CloseHandle(mapping);
  return data;
}

void unmap_pages(void* data, size_t) { UnmapViewOfFile(data); }

#else

void* map_pages(int fd, size_t nbytes, int& error) {
  struct stat status;
  if (fstat(fd, &status) != 0) {
    error = errno;
    return nullptr;
  }
  if (static_cast<uint64_t>(status.st_size) < nbytes) {
    error = EOVERFLOW;
    return nullptr;
  }
  void* data = mmap(nullptr, nbytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED) {
    error = errno;
    return nullptr;
  }
  return data;
}

void unmap_pages(void* data, size_t nbytes) { munmap(data, nbytes); }

#endif

}  // namespace flambeau
