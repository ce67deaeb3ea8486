// A process group whose ranks are threads of this process.
#if __has_include(<gloo/context.h>)
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "flambeau/distributed.h"
#include "flambeau/kernels.gen.h"

extern "C" const flambeau::distributed::GlooPlugin* flambeau_gloo_open(const char* fingerprint);

using namespace flambeau;
using namespace flambeau::distributed;

namespace {

void with_ranks(int size, const std::function<void(int, Group&)>& body) {
  std::unique_ptr<Store> store;
  REQUIRE(open_tcp_store({"127.0.0.1", 0, true, Milliseconds(10000)}, store).ok());
  std::vector<int> names;
  for (int rank = 0; rank < size; ++rank) names.push_back(rank);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] {
      GroupOptions options{store.get(), "test/", "", rank, size, names, Milliseconds(10000)};
      std::unique_ptr<Group> group;
      const Outcome outcome = flambeau_gloo_open(kFingerprint)->open_group(options, group);
      CHECK(outcome.message == "");
      if (group) body(rank, *group);
    });
  for (auto& thread : threads) thread.join();
}

template <typename T>
Collective sum_of(DType dtype, std::vector<T>& values) {
  Collective c;
  c.kind = Kind::all_reduce;
  c.dtype = dtype;
  c.data = values.data();
  c.count = static_cast<int64_t>(values.size());
  c.shape = {c.count};
  c.timeout = Milliseconds(10000);
  return c;
}

}  // namespace

TEST_CASE("sums of small and large tensors, of floats and halves") {
  with_ranks(3, [](int rank, Group& group) {
    for (const size_t n : {size_t(1), size_t(256), size_t(257), size_t(300001)}) {
      std::vector<float> floats(n, static_cast<float>(rank + 1));
      CHECK(group.run(sum_of(DType::f32, floats)).message == "");
      CHECK(floats.front() == 6.0f);
      CHECK(floats.back() == 6.0f);
      std::vector<bfloat16> halves(n, bfloat16(static_cast<float>(rank)));
      CHECK(group.run(sum_of(DType::bf16, halves)).message == "");
      CHECK(static_cast<float>(halves.back()) == 3.0f);
    }
  });
}

TEST_CASE("ranks that disagree are told so, and go on") {
  with_ranks(2, [](int rank, Group& group) {
    std::vector<float> values(static_cast<size_t>(rank + 4), 1.0f);
    CHECK(group.run(sum_of(DType::f32, values)).failure == Failure::mismatch);
    CHECK(values.front() == 1.0f);
    std::vector<float> same(2000, 1.0f);
    CHECK(group.run(sum_of(DType::f32, same)).ok());
    CHECK(same.front() == 2.0f);
  });
}

TEST_CASE("a message of another size is an error for its receiver, and what follows arrives") {
  with_ranks(2, [](int rank, Group& group) {
    std::vector<int64_t> values(5, rank);
    Message m{values.data(), 5, DType::i64, 1 - rank, 3, Milliseconds(10000)};
    if (rank == 0) {
      CHECK(group.send(m)->finish().ok());
      CHECK(group.send(m)->finish().ok());
    } else {
      m.count = 4;
      CHECK(group.receive(m)->finish().failure == Failure::mismatch);
      m.count = 5;
      m.peer = -1;
      const auto transfer = group.receive(m);
      CHECK(transfer->finish().ok());
      CHECK(transfer->peer() == 0);
      CHECK(values.back() == 0);
    }
    std::vector<float> same(3, 1.0f);
    CHECK(group.run(sum_of(DType::f32, same)).ok());
  });
}

TEST_CASE("who is late is named, and a group that is closed fails what is under way") {
  with_ranks(3, [](int rank, Group& group) {
    std::vector<float> values(3000, 1.0f);
    Collective c = sum_of(DType::f32, values);
    if (rank == 2) {
      std::this_thread::sleep_for(Milliseconds(700));
      CHECK(group.run(c).failure == Failure::connection);
      return;
    }
    c.timeout = Milliseconds(200);
    const Outcome late = group.run(c);
    CHECK(late.failure == Failure::timeout);
    CHECK(late.message == "all_reduce(sum) of float32 [3000]: rank 2 did not come (within 200 ms)");
    // The late one is to find the others' words.
    std::this_thread::sleep_for(Milliseconds(1500));
  });
  with_ranks(2, [](int rank, Group& group) {
    if (rank == 1) return std::this_thread::sleep_for(Milliseconds(1000));
    std::vector<float> values(3, 1.0f);
    std::thread closing([&] {
      std::this_thread::sleep_for(Milliseconds(100));
      group.close();
    });
    CHECK(group.run(sum_of(DType::f32, values)).failure == Failure::connection);
    closing.join();
  });
}
#endif
