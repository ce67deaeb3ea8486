// Copies and fills against a loop over indices, for random shapes, strides and dtypes.
#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <vector>

#include "call_writer.h"
#include "cpu/blocks.h"
#include "cpu/iterate.h"
#include "layouts.h"

using namespace flambeau;
using namespace flambeau::test;

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
