// A file's pages as memory of this process: private, so that writing to them changes no file.
#pragma once
#include <cstddef>

namespace flambeau {

// The first nbytes > 0 of an open file, or nullptr and the system's error number: EOVERFLOW where the file is shorter.
void* map_pages(int fd, size_t nbytes, int& error);
void unmap_pages(void* data, size_t nbytes);

}  // namespace flambeau
