// Copies and fills against a loop over indices, for random shapes, strides and dtypes.
#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "call_writer.h"
#include "cpu/blocks.h"
#include "cpu/iterate.h"

using namespace flambeau;
using test::CallWriter;
using test::Memory;

namespace {

using Rng = std::mt19937;
int pick(Rng& rng, int low, int high) { return std::uniform_int_distribution(low, high)(rng); }

struct Layout {
  std::vector<int64_t> shape, strides;
  int64_t offset = 0, extent = 1;  // elements before the first, and in all
};

// Strides of a random order of dimensions, with gaps and reversals; broadcast dimensions where `source`.
Layout layout(Rng& rng, const std::vector<int64_t>& shape, bool source) {
  Layout l;
  l.shape = shape;
  l.strides.assign(shape.size(), 0);
  std::vector<size_t> order(shape.size());
  std::iota(order.begin(), order.end(), 0);
  if (pick(rng, 0, 2) > 0)
    std::shuffle(order.begin(), order.end(), rng);
  else
    std::reverse(order.begin(), order.end());
  int64_t step = pick(rng, 0, 3) == 0 ? 2 : 1;
  for (size_t d : order) {
    if (source && pick(rng, 0, 5) == 0) continue;  // stride 0
    l.strides[d] = step;
    step *= std::max<int64_t>(1, shape[d]) + (pick(rng, 0, 4) == 0 ? 1 : 0);
    if (pick(rng, 0, 4) == 0 && shape[d] > 0) {
      l.offset += l.strides[d] * (shape[d] - 1);
      l.strides[d] = -l.strides[d];
    }
  }
  l.extent = std::max<int64_t>(1, step + l.offset);
  return l;
}

std::vector<int64_t> random_shape(Rng& rng) {
  std::vector<int64_t> shape(static_cast<size_t>(pick(rng, 0, 5)));
  for (int64_t& n : shape) n = pick(rng, 0, 12) == 0 ? 0 : pick(rng, 1, 7);
  // Sometimes large enough for several threads and for tiles.
  if (shape.size() >= 2 && pick(rng, 0, 7) == 0) shape[0] = pick(rng, 200, 400), shape[1] = pick(rng, 100, 300);
  if (shape.size() > 2 && shape[0] >= 200)
    for (size_t i = 2; i < shape.size(); ++i) shape[i] = std::min<int64_t>(shape[i], 2);
  return shape;
}

// Calls body(index) for every index in row-major order.
template <typename Body>
void each(const std::vector<int64_t>& shape, Body body) {
  std::vector<int64_t> index(shape.size(), 0);
  int64_t n = 1;
  for (int64_t size : shape) n *= size;
  for (int64_t i = 0; i < n; ++i) {
    body(index);
    for (size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
}

int64_t at(const Layout& l, const std::vector<int64_t>& index) {
  int64_t position = l.offset;
  for (size_t d = 0; d < index.size(); ++d) position += index[d] * l.strides[d];
  return position;
}

}  // namespace

TEST_CASE("copy: any strides, every pair of dtypes") {
  Rng rng(1);
  for (int round = 0; round < 1500; ++round) {
    const DType from = test::all_dtypes()[size_t(pick(rng, 0, kNumDTypes - 1))];
    const DType to = pick(rng, 0, 1) ? from : test::all_dtypes()[size_t(pick(rng, 0, kNumDTypes - 1))];
    const std::vector<int64_t> shape = random_shape(rng);
    const Layout source = layout(rng, shape, true), target = layout(rng, shape, false);
    Memory in(cpu_backend(), size_t(source.extent) * size_of(from));
    Memory out(cpu_backend(), size_t(target.extent) * size_of(to));
    visit_stored_dtype(from, [&]<typename T>() {
      for (int64_t i = 0; i < source.extent; ++i) in.as<T>()[i] = cpu::convert<T>(double(pick(rng, 0, 100)));
    });
    std::memset(out.as<char>(), 0, (*out).nbytes);
    std::vector<char> expected((*out).nbytes, 0);
    visit_stored_dtype(from, [&]<typename From>() {
      visit_stored_dtype(to, [&]<typename To>() {
        each(shape, [&](const std::vector<int64_t>& index) {
          const To value = cpu::convert<To>(in.as<From>()[at(source, index)]);
          std::memcpy(expected.data() + size_t(at(target, index)) * sizeof(To), &value, sizeof(To));
        });
      });
    });
    CallWriter call;
    call.tensor(out.get(), to, shape, target.strides, target.offset);
    call.tensor(in.get(), from, shape, source.strides, source.offset);
    REQUIRE(call.submit(cpu_backend(), Kernel::copy).ok());
    CAPTURE(round);
    REQUIRE(std::memcmp(expected.data(), out.as<char>(), expected.size()) == 0);
  }
}

TEST_CASE("fill writes the elements of a view and nothing else") {
  Rng rng(2);
  for (int round = 0; round < 500; ++round) {
    const DType dtype = test::all_dtypes()[size_t(pick(rng, 0, kNumDTypes - 1))];
    const std::vector<int64_t> shape = random_shape(rng);
    const Layout target = layout(rng, shape, false);
    Memory out(cpu_backend(), size_t(target.extent) * size_of(dtype));
    std::memset(out.as<char>(), 0, (*out).nbytes);
    std::vector<char> expected((*out).nbytes, 0);
    visit_stored_dtype(dtype, [&]<typename T>() {
      const T value = cpu::convert<T>(1.0);
      each(shape, [&](const std::vector<int64_t>& index) {
        std::memcpy(expected.data() + size_t(at(target, index)) * sizeof(T), &value, sizeof(T));
      });
    });
    CallWriter call;
    call.tensor(out.get(), dtype, shape, target.strides, target.offset).real(1);
    REQUIRE(call.submit(cpu_backend(), Kernel::fill).ok());
    REQUIRE(std::memcmp(expected.data(), out.as<char>(), expected.size()) == 0);
  }
}

TEST_CASE("a loop visits every element once, whatever row it begins at") {
  Rng rng(3);
  for (int round = 0; round < 300; ++round) {
    const std::vector<int64_t> shape = random_shape(rng);
    const Layout l = layout(rng, shape, false);
    TensorView view;
    view.ndim = int32_t(shape.size());
    std::copy(shape.begin(), shape.end(), view.shape);
    std::copy(l.strides.begin(), l.strides.end(), view.strides);
    const TensorView* views[] = {&view};
    const cpu::StridedLoop loop = cpu::make_loop(views);
    CHECK(loop.numel() == view.numel());
    std::vector<int> seen(size_t(l.extent), 0);
    if (loop.numel() > 0)
      for (int64_t r = 0; r < loop.rows(); ++r) {
        const cpu::RowCursor cursor(loop, r);
        for (int64_t i = 0; i < loop.inner(); ++i)
          ++seen[size_t(l.offset + cursor.offsets[0] + i * loop.inner_stride(0))];
      }
    int64_t once = 0;
    for (int count : seen) once += count == 1;
    REQUIRE(once == view.numel());
  }
}

TEST_CASE("conversions out of range give what x86 gives, and NaN is true") {
  using cpu::convert;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(convert<int64_t>(nan) == std::numeric_limits<int64_t>::min());
  CHECK(convert<int32_t>(3e9f) == std::numeric_limits<int32_t>::min());
  CHECK(convert<int64_t>(-1e30) == std::numeric_limits<int64_t>::min());
  CHECK(convert<int8_t>(300.0f) == 44);
  CHECK(convert<uint8_t>(-1.0f) == 255);
  CHECK(convert<int32_t>(int64_t{1} << 32 | 7) == 7);
  CHECK(convert<bool>(nan));
  CHECK(convert<bool>(complex64(0, 1)));
  CHECK(convert<float>(complex128(2, 3)) == 2.0f);
  CHECK(convert<complex128>(complex32(complex64(2, -3))) == complex128(2, -3));
  CHECK(float(convert<complex32>(70000.0).re) == std::numeric_limits<float>::infinity());
  CHECK(convert<int32_t>(-2.9f) == -2);
}
