// Writes kernel calls as the host does (packages/core/src/binding/call.ts), for tests without a host.
#pragma once
#include <initializer_list>
#include <span>
#include <vector>

#include "flambeau/backend.h"

namespace flambeau::test {

// A storage that is released with the test.
class Memory {
 public:
  Memory(Backend& backend, size_t nbytes) : storage_(Storage::allocate(backend, nbytes)) {}
  Memory(const Memory&) = delete;
  ~Memory() { storage_->release(); }
  Storage* get() const { return storage_; }
  Storage& operator*() const { return *storage_; }
  template <typename T>
  T* as() const {
    return static_cast<T*>(storage_->data);
  }

 private:
  Storage* storage_;
};

struct CallWriter {
  std::vector<double> words;
  std::vector<Storage*> storages;

  // `offset` is in elements.
  CallWriter& tensor(Storage* storage, DType dtype, std::span<const int64_t> shape, std::span<const int64_t> strides,
                     int64_t offset = 0) {
    storages.push_back(storage);
    for (double word : {double(dtype), 0.0, double(offset * int64_t(size_of(dtype))), double(shape.size())})
      words.push_back(word);
    for (int64_t n : shape) words.push_back(double(n));
    for (int64_t s : strides) words.push_back(double(s));
    return *this;
  }
  CallWriter& absent() { return number(-1); }
  CallWriter& number(double value) {
    words.push_back(value);
    return *this;
  }
  CallWriter& real(double value) { return number(0).number(value).number(0); }
  CallWriter& integer(int64_t value) { return number(1).number(double(value >> 32)).number(double(uint32_t(value))); }
  Status submit(Backend& backend, Kernel kernel) const { return backend.submit(int(kernel), words, storages); }
};

inline const std::vector<DType>& all_dtypes() {
  static const std::vector<DType> list = [] {
    std::vector<DType> dtypes;
    for (int i = 0; i < kNumDTypes; ++i) dtypes.push_back(DType(i));
    return dtypes;
  }();
  return list;
}

}  // namespace flambeau::test
