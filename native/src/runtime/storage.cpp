#include "flambeau/storage.h"

#include "flambeau/backend.h"
#include "runtime/file_map.h"

namespace flambeau {

Storage* Storage::allocate(Backend& backend, size_t nbytes) {
  Storage* storage = later(backend, nbytes);
  if (storage->ready()) return storage;
  delete storage;
  return nullptr;
}

Storage* Storage::later(Backend& backend, size_t nbytes) {
  auto* storage = new Storage;
  storage->nbytes = nbytes;
  storage->backend = &backend;
  return storage;
}

bool Storage::allocate_now() {
  data = backend->allocate(nbytes);
  return data != nullptr;
}

Storage* Storage::part(Storage& whole, size_t offset, size_t nbytes) {
  auto* storage = new Storage;
  storage->data = static_cast<char*>(whole.data) + offset;
  storage->nbytes = nbytes;
  storage->backend = whole.backend;
  storage->whole = &whole;
  whole.retain();
  return storage;
}

Storage* Storage::map_file(int fd, size_t nbytes, int& error) {
  void* data = map_pages(fd, nbytes, error);
  if (!data) return nullptr;
  auto* storage = new Storage;
  storage->data = data;
  storage->nbytes = nbytes;
  storage->backend = &cpu_backend();
  storage->mapped = true;
  return storage;
}

void Storage::release() {
  if (refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (whole)
    whole->release();
  else if (mapped)
    unmap_pages(data, nbytes);
  else if (data)
    backend->free(data, nbytes);
  delete this;
}

}  // namespace flambeau
