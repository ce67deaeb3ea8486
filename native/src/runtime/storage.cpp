#include "flambeau/storage.h"

#include "flambeau/backend.h"

namespace flambeau {

Storage* Storage::allocate(Backend& backend, size_t nbytes) {
  void* data = backend.allocate(nbytes);
  if (!data) return nullptr;
  auto* storage = new Storage;
  storage->data = data;
  storage->nbytes = nbytes;
  storage->backend = &backend;
  return storage;
}

void Storage::release() {
  if (refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  backend->free(data, nbytes);
  delete this;
}

}  // namespace flambeau
