// A process group whose ranks are threads of this process.
#if __has_include(<gloo/context.h>)
#include <doctest/doctest.h>

#include <functional>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "collectives.h"
#include "flambeau/kernels.gen.h"

extern "C" const flambeau::distributed::GroupPlugin* flambeau_gloo_open(const char* fingerprint);

using namespace flambeau;
using namespace flambeau::distributed;

namespace {

void with_ranks(int size, const std::function<void(int, Group&)>& body) {
  std::unique_ptr<Store> store;
  REQUIRE(open_tcp_store({"127.0.0.1", 0, true, Milliseconds(60000)}, store).ok());
  std::vector<int> names;
  for (int rank = 0; rank < size; ++rank) names.push_back(rank);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] {
      GroupOptions options{store.get(), "test/", "", rank, size, names, Milliseconds(60000)};
      std::unique_ptr<Group> group;
      const Outcome outcome = flambeau_gloo_open(kFingerprint)->open_group(options, group);
      CHECK(outcome.message == "");
      if (group) body(rank, *group);
    });
  for (auto& thread : threads) thread.join();
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

TEST_CASE("every collective, small and large, one after another") {
  constexpr int size = 3;
  with_ranks(size, [](int rank, Group& group) {
    for (const int64_t n : {int64_t(0), int64_t(1), int64_t(7), int64_t(5000), int64_t(200003)}) {
      const auto filled = [n](int64_t parts, auto value) {
        std::vector<double> values(static_cast<size_t>(n * parts));
        for (int64_t i = 0; i < n * parts; ++i) values[static_cast<size_t>(i)] = static_cast<double>(value(i / n));
        return values;
      };
      const auto run = [&](Kind kind, std::vector<double>* data, std::vector<double>* output, int root) {
        Collective c;
        c.kind = kind;
        c.dtype = DType::f64;
        c.root = root;
        c.data = data == nullptr ? nullptr : data->data();
        c.output = output == nullptr ? nullptr : output->data();
        c.count = n;
        c.shape = {n};
        if (kind == Kind::all_to_all) c.send_counts = c.receive_counts = std::vector<int64_t>(size, n);
        c.timeout = Milliseconds(60000);
        CHECK(group.run(c).message == "");
      };
      const auto by_part = [](int64_t part) { return part; };
      std::vector<double> own = filled(1, [rank](int64_t) { return rank + 1; });
      std::vector<double> all(static_cast<size_t>(n * size)), one(static_cast<size_t>(n));

      run(Kind::all_gather, &own, &all, -1);
      CHECK(all == filled(size, [](int64_t part) { return part + 1; }));
      run(Kind::gather, &own, rank == 1 ? &all : nullptr, 1);
      CHECK(all == filled(size, [](int64_t part) { return part + 1; }));
      std::vector<double> parts = filled(size, by_part);
      run(Kind::scatter, rank == 2 ? &parts : nullptr, &one, 2);
      CHECK(one == filled(1, [rank](int64_t) { return rank; }));
      run(Kind::reduce_scatter, &parts, &one, -1);
      CHECK(one == filled(1, [rank](int64_t) { return rank * size; }));
      run(Kind::all_to_all, &parts, &all, -1);
      CHECK(all == filled(size, [rank](int64_t) { return rank; }));
      run(Kind::reduce, &own, nullptr, 0);
      CHECK(own == filled(1, [rank](int64_t) { return rank == 0 ? 6 : rank + 1; }));
      run(Kind::broadcast, &own, nullptr, 0);
      CHECK(own == filled(1, [](int64_t) { return 6; }));
      run(Kind::barrier, nullptr, nullptr, -1);
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
    Message m{values.data(), 5, DType::i64, 1 - rank, 3, Milliseconds(60000)};
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
  std::latch quick(2), given_up(2);
  with_ranks(3, [&](int rank, Group& group) {
    std::vector<float> values(3000, 1.0f);
    Collective c = sum_of(DType::f32, values);
    if (rank == 2) {
      given_up.wait();
      CHECK(group.run(c).failure == Failure::connection);
      return;
    }
    // Both begin at once, so that neither is late for the other.
    quick.arrive_and_wait();
    c.timeout = Milliseconds(3000);
    const Outcome late = group.run(c);
    CHECK(late.failure == Failure::timeout);
    CHECK(late.message == "all_reduce(sum) of float32 [3000]: rank 2 did not come (within 3000 ms)");
    given_up.count_down();
  });
  std::latch closed(1);
  with_ranks(2, [&](int rank, Group& group) {
    if (rank == 1) return closed.wait();
    std::vector<float> values(3, 1.0f);
    std::thread closing([&] {
      std::this_thread::sleep_for(Milliseconds(100));
      group.close();
    });
    CHECK(group.run(sum_of(DType::f32, values)).failure == Failure::connection);
    closing.join();
    closed.count_down();
  });
}
#endif
