#include "flambeau/call.h"

#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <vector>

#include "flambeau/backend.h"

using namespace flambeau;

namespace {

// A float32 tensor as the host describes it: dtype, layout, byte offset, dimensions, shape, strides.
std::vector<double> describe(std::vector<double> shape, std::vector<double> strides, double byte_offset = 0) {
  std::vector<double> words{double(int(DType::f32)), 0, byte_offset, double(shape.size())};
  words.insert(words.end(), shape.begin(), shape.end());
  words.insert(words.end(), strides.begin(), strides.end());
  return words;
}

std::vector<double> operator+(std::vector<double> a, const std::vector<double>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST_CASE("a call's arguments are read in order, and an absent tensor takes one word") {
  Storage* storage = Storage::allocate(cpu_backend(), 64);
  const std::vector<double> words = describe({2, 3}, {1, 2}, 8) + std::vector<double>{-1, 7, 2, 10, 20, 1};
  CallReader reader(words.data(), &storage);
  const TensorView t = reader.tensor();
  CHECK(t.ndim == 2);
  CHECK(t.numel() == 6);
  CHECK_FALSE(t.contiguous());
  CHECK(static_cast<char*>(t.data) == static_cast<char*>(storage->data) + 8);
  CHECK_FALSE(reader.tensor().defined());
  CHECK(reader.integer() == 7);
  const IntList list = reader.integers();
  CHECK(std::vector<int64_t>(list.begin(), list.end()) == std::vector<int64_t>{10, 20});
  CHECK(reader.boolean());
  storage->release();
}

TEST_CASE("integers arrive with all of their 64 bits") {
  const int64_t lowest = std::numeric_limits<int64_t>::min(), highest = std::numeric_limits<int64_t>::max();
  for (int64_t value : {int64_t{0}, int64_t{-1}, int64_t{1} << 53, (int64_t{1} << 53) + 1, lowest, highest}) {
    const double words[] = {1, double(value >> 32), double(uint32_t(value))};
    CHECK(CallReader(words, nullptr).scalar().to<int64_t>() == value);
  }
}

TEST_CASE("a list longer than its room on the stack moves to the heap, also when it is moved") {
  for (size_t size : {3, 30}) {
    IntList list(size);
    for (size_t i = 0; i < size; ++i) list[i] = static_cast<int64_t>(i);
    const IntList moved(std::move(list));
    REQUIRE(moved.size() == size);
    CHECK(moved[size - 1] == static_cast<int64_t>(size - 1));
  }
}

TEST_CASE("a call that waits keeps its storages") {
  Storage* storage = Storage::allocate(cpu_backend(), 64);
  {
    const Call call(0, {}, std::span(&storage, 1));
    CHECK(storage->refs == 2);
  }
  CHECK(storage->refs == 1);
  storage->release();
}

TEST_CASE("both backends write, transpose and read back") {
  for (Backend* backend : {&cpu_backend(), &debug_backend()}) {
    CAPTURE(backend->name);
    const float values[] = {0, 1, 2, 3, 4, 5};
    Storage* input = Storage::allocate(*backend, sizeof values);
    Storage* out = Storage::allocate(*backend, sizeof values);
    REQUIRE(backend->write(*input, 0, values, sizeof values).ok());
    const std::vector<double> words = describe({3, 2}, {2, 1}) + describe({3, 2}, {1, 3});
    Storage* storages[] = {out, input};
    REQUIRE(backend->submit(int(Kernel::copy), words, storages).ok());
    // The queue holds its own references.
    input->release();
    float transposed[6];
    REQUIRE(backend->read(transposed, *out, 0, sizeof transposed).ok());
    const float expected[] = {0, 3, 1, 4, 2, 5};
    CHECK(std::memcmp(transposed, expected, sizeof expected) == 0);
    CHECK(backend->synchronize().ok());
    out->release();
  }
}

TEST_CASE("an unknown device has no backend, an empty slot is an error of its own") {
  CHECK(find_backend(99) == nullptr);
  const KernelTable none;
  Storage* storage = Storage::allocate(cpu_backend(), 64);
  const std::vector<double> words = describe({1}, {1}) + std::vector<double>{0, 1, 0};
  CHECK(invoke(none, int(Kernel::fill), words.data(), &storage).code == StatusCode::no_kernel);
  CHECK(invoke(cpu_backend().kernels, int(Kernel::fill), words.data(), &storage).ok());
  CHECK(*static_cast<float*>(storage->data) == 1.0f);
  storage->release();
}
