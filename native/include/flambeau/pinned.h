// Memory of the host that no page is ever taken from, so that CUDA devices copy from and to it by themselves.
#pragma once
#include "flambeau/status.h"
#include "flambeau/storage.h"

namespace flambeau {

// For the CUDA device with this number; nullptr where there is none to be had. Kernels take it for memory of the CPU.
Storage* allocate_pinned(int device, size_t nbytes);
// Whether the memory is such memory.
bool is_pinned(const Storage& storage);
// Lets the CUDA device that `to` is on copy from pinned memory when it comes to it; `from` lives until then.
Status copy_pinned(Storage& to, size_t offset, Storage& from, size_t from_offset, size_t nbytes);

}  // namespace flambeau
