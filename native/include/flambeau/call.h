// A kernel call as data: words that describe tensors and parameters, and the storages they refer to.
// The host writes the words into its scratch array; backends run the call at once or keep a copy (see backend.h).
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "flambeau/dtype.h"
#include "flambeau/status.h"
#include "flambeau/storage.h"

namespace flambeau {

inline constexpr int kMaxDims = 16;  // packages/core/src/tensor/shape.ts refuses more

// A tensor as a kernel sees it. Strides are in elements and may be zero (broadcast) or negative.
// `layout` is 0 for strided data, otherwise the id of an opaque layout (cpu/layouts.h).
struct TensorView {
  void* data = nullptr;
  DType dtype = DType::f32;
  int32_t layout = 0;
  int32_t ndim = 0;
  int64_t shape[kMaxDims];
  int64_t strides[kMaxDims];
  Storage* storage = nullptr;

  bool defined() const { return storage != nullptr; }
  int64_t numel() const {
    int64_t n = 1;
    for (int i = 0; i < ndim; ++i) n *= shape[i];
    return n;
  }
  bool contiguous() const {
    int64_t expected = 1;
    for (int i = ndim - 1; i >= 0; --i) {
      if (shape[i] != 1 && strides[i] != expected) return numel() == 0;
      expected *= shape[i];
    }
    return true;
  }
  template <typename T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

// A number from the host: a double, a 64-bit integer, a bool or a complex number.
struct Scalar {
  enum class Kind : int { real, integer, boolean, complex } kind = Kind::real;
  double re = 0, im = 0;
  int64_t integer = 0;

  template <typename T>
  T to() const {
    if constexpr (std::is_same_v<T, complex32>) {
      return T(to<complex64>());
    } else if constexpr (std::is_same_v<T, complex64> || std::is_same_v<T, complex128>) {
      using R = typename T::value_type;
      return kind == Kind::integer ? T(R(integer), R(0)) : T(R(re), R(im));
    } else if constexpr (std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>) {
      return T(kind == Kind::integer ? float(integer) : float(re));
    } else if constexpr (std::is_same_v<T, bool>) {
      return kind == Kind::integer ? integer != 0 : re != 0;
    } else {
      return kind == Kind::integer ? T(integer) : T(re);
    }
  }
};

// A vector with room for N elements on the stack. Elements are trivially destructible.
template <typename T, size_t N>
class SmallVector {
 public:
  explicit SmallVector(size_t size = 0) { resize(size); }
  SmallVector(SmallVector&& other) noexcept { *this = std::move(other); }
  SmallVector& operator=(SmallVector&& other) noexcept {
    heap_ = std::move(other.heap_);
    size_ = other.size_;
    if (!heap_)
      for (size_t i = 0; i < size_; ++i) begin()[i] = other.begin()[i];
    return *this;
  }
  void resize(size_t size) {
    if (size > N) heap_ = std::make_unique<T[]>(size);
    size_ = size;
  }
  T* begin() { return heap_ ? heap_.get() : inline_.data(); }
  T* end() { return begin() + size_; }
  const T* begin() const { return heap_ ? heap_.get() : inline_.data(); }
  const T* end() const { return begin() + size_; }
  T& operator[](size_t i) { return begin()[i]; }
  const T& operator[](size_t i) const { return begin()[i]; }
  size_t size() const { return size_; }
  operator std::span<const T>() const { return {begin(), size_}; }

 private:
  std::array<T, N> inline_;
  std::unique_ptr<T[]> heap_;
  size_t size_ = 0;
};

using TensorList = SmallVector<TensorView, 5>;
using IntList = SmallVector<int64_t, 24>;
using FloatList = SmallVector<double, 8>;
using ScalarList = SmallVector<Scalar, 4>;

// Reads a call's arguments in the order of its line in kernels/*.def.
class CallReader {
 public:
  CallReader(const double* words, Storage* const* storages) : words_(words), storages_(storages) {}

  TensorView tensor() {
    TensorView t;
    read_tensor(t);
    return t;
  }
  TensorList tensors() {
    TensorList list(static_cast<size_t>(*words_++));
    for (TensorView& t : list) read_tensor(t);
    return list;
  }
  int64_t integer() { return static_cast<int64_t>(*words_++); }
  double real() { return *words_++; }
  bool boolean() { return *words_++ != 0; }
  DType dtype() { return static_cast<DType>(static_cast<int>(*words_++)); }
  IntList integers() {
    IntList list(static_cast<size_t>(*words_++));
    for (int64_t& v : list) v = static_cast<int64_t>(*words_++);
    return list;
  }
  FloatList reals() {
    FloatList list(static_cast<size_t>(*words_++));
    for (double& v : list) v = *words_++;
    return list;
  }
  Scalar scalar() {
    Scalar s;
    s.kind = static_cast<Scalar::Kind>(static_cast<int>(words_[0]));
    // An integer comes as two exact halves, so that all 64 bits arrive.
    if (s.kind == Scalar::Kind::integer) {
      s.integer = static_cast<int64_t>((static_cast<uint64_t>(static_cast<int64_t>(words_[1])) << 32) +
                                       static_cast<uint64_t>(words_[2]));
      s.re = static_cast<double>(s.integer);
    } else {
      s.re = words_[1];
      s.im = words_[2];
    }
    words_ += 3;
    return s;
  }
  ScalarList scalars() {
    ScalarList list(static_cast<size_t>(*words_++));
    for (Scalar& s : list) s = scalar();
    return list;
  }

 private:
  void read_tensor(TensorView& t) {
    const int dtype = static_cast<int>(*words_++);
    if (dtype < 0) {  // an optional tensor that is absent
      t = TensorView{};
      return;
    }
    t.dtype = static_cast<DType>(dtype);
    t.storage = *storages_++;
    t.layout = static_cast<int32_t>(*words_++);
    const int64_t byte_offset = static_cast<int64_t>(*words_++);
    t.ndim = static_cast<int32_t>(*words_++);
    t.data = static_cast<char*>(t.storage->data) + byte_offset;
    for (int i = 0; i < t.ndim; ++i) t.shape[i] = static_cast<int64_t>(*words_++);
    for (int i = 0; i < t.ndim; ++i) t.strides[i] = static_cast<int64_t>(*words_++);
  }

  const double* words_;
  Storage* const* storages_;
};

// A call that outlives the host's scratch array: it owns its words and retains its storages.
struct Call {
  int kernel = 0;
  std::vector<double> words;
  std::vector<Storage*> storages;

  Call(int kernel, std::span<const double> words, std::span<Storage* const> storages)
      : kernel(kernel), words(words.begin(), words.end()), storages(storages.begin(), storages.end()) {
    for (Storage* s : this->storages) s->retain();
  }
  Call(Call&&) = default;
  Call(const Call&) = delete;
  ~Call() {
    for (Storage* s : storages) s->release();
  }
};

}  // namespace flambeau
