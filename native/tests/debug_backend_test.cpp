// The debug device: calls run in order, later, on memory that the host cannot read; failures come back once.
#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "call_writer.h"

#ifdef __linux__
#include <unistd.h>

#include <cerrno>
#endif

using namespace flambeau;
using test::CallWriter;
using test::Memory;

namespace {

const std::vector<int64_t> kShape{1000}, kStrides{1};

void fill(Memory& memory, double value) {
  CallWriter call;
  call.tensor(memory.get(), DType::f32, kShape, kStrides).real(value);
  REQUIRE(call.submit(debug_backend(), Kernel::fill).ok());
}

void copy(Memory& to, Memory& from) {
  CallWriter call;
  call.tensor(to.get(), DType::f32, kShape, kStrides).tensor(from.get(), DType::f32, kShape, kStrides);
  REQUIRE(call.submit(debug_backend(), Kernel::copy).ok());
}

std::vector<float> read(Memory& memory) {
  std::vector<float> host(1000);
  REQUIRE(debug_backend().read(host.data(), *memory, 0, 4000).ok());
  return host;
}

}  // namespace

TEST_CASE("debug device: calls run in the order in which they were made") {
  Memory a(debug_backend(), 4000), b(debug_backend(), 4000);
  for (int round = 0; round < 50; ++round) {
    fill(a, round);
    copy(b, a);
    fill(a, -1);
  }
  CHECK(read(a) == std::vector<float>(1000, -1));
  CHECK(read(b) == std::vector<float>(1000, 49));
  std::vector<float> host(1000, 3);
  REQUIRE(debug_backend().write(*a, 0, host.data(), 4000).ok());
  copy(b, a);
  CHECK(read(b) == host);
}

TEST_CASE("debug device: a call keeps its storages until it has run") {
  Memory kept(debug_backend(), 4000);
  fill(kept, 7);
  auto* gone = new Memory(debug_backend(), 4000);
  copy(*gone, kept);
  copy(kept, *gone);
  delete gone;
  CHECK(read(kept) == std::vector<float>(1000, 7));
}

TEST_CASE("debug device: a failure is reported once, at the next synchronisation, with its kernel") {
  Memory memory(debug_backend(), 4000);
  CallWriter call;
  call.tensor(memory.get(), DType::f32, kShape, kStrides);
  CHECK(call.submit(debug_backend(), Kernel::count).ok());
  const Status status = debug_backend().synchronize();
  CHECK(status.code == StatusCode::no_kernel);
  CHECK(status.kernel == int(Kernel::count));
  CHECK(debug_backend().synchronize().ok());
}

#ifdef __linux__
TEST_CASE("debug device: the host cannot read its memory") {
  Memory memory(debug_backend(), 4000);
  fill(memory, 1);
  REQUIRE(debug_backend().synchronize().ok());
  CHECK(debug_backend().host_pointer(*memory) == nullptr);
  int pipes[2];
  REQUIRE(pipe(pipes) == 0);
  // The kernel refuses to read the page on our behalf, where we ourselves would end with a signal.
  const ssize_t written = write(pipes[1], memory.as<char>(), 1);
  const int error = errno;
  CHECK(written == -1);
  CHECK(error == EFAULT);
  close(pipes[0]);
  close(pipes[1]);
}
#endif
