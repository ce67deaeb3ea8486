#ifndef _WIN32
#include <unistd.h>

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "distributed/socket.h"
#include "flambeau/distributed.h"

using namespace flambeau::distributed;

namespace {

std::unique_ptr<Store> served() {
  std::unique_ptr<Store> store;
  REQUIRE(open_tcp_store({"127.0.0.1", 0, true, Milliseconds(5000)}, store).ok());
  return store;
}

void use(Store& store) {
  std::string value;
  int64_t sum = 0, count = 0;
  bool flag = false;
  CHECK(store.set("a", std::string("x\0y", 3)).ok());
  CHECK(store.get("a", Milliseconds(1000), value).ok());
  CHECK(value == std::string("x\0y", 3));
  CHECK(store.add("n", 5, sum).ok());
  CHECK(store.add("n", -7, sum).ok());
  CHECK(sum == -2);
  CHECK(store.compare_set("c", "", "1", value).ok());
  CHECK(value == "1");
  CHECK(store.compare_set("c", "0", "2", value).ok());
  CHECK(value == "1");
  CHECK(store.compare_set("missing", "0", "2", value).ok());
  CHECK(value == "0");
  CHECK(store.check({"a", "n"}, flag).ok());
  CHECK(flag);
  CHECK(store.num_keys(count).ok());
  CHECK(count == 3);
  CHECK(store.delete_key("a", flag).ok());
  CHECK(flag);
  CHECK(store.delete_key("a", flag).ok());
  CHECK(!flag);
  const Outcome late = store.wait({"c", "a", "b"}, Milliseconds(30));
  CHECK(late.failure == Failure::timeout);
  CHECK(late.message == "waited 30 ms for 'a', 'b'");
}

}  // namespace

TEST_CASE("a TCP store keeps values, counts and waits") {
  const auto store = served();
  use(*store);
}

TEST_CASE("a file store does the same, and its last user deletes the file") {
  const std::string path = "/tmp/flambeau-store-test-" + std::to_string(getpid());
  std::unique_ptr<Store> store, other;
  REQUIRE(open_file_store(path, store).ok());
  use(*store);
  REQUIRE(store->clone(other).ok());
  store->close();
  std::string value;
  CHECK(other->get("c", Milliseconds(100), value).ok());
  CHECK(value == "1");
  CHECK(access(path.c_str(), F_OK) == 0);
  other->close();
  CHECK(access(path.c_str(), F_OK) != 0);
}

TEST_CASE("many clients add at once, and one that waits hears of what another sets") {
  const auto store = served();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      std::unique_ptr<Store> own;
      REQUIRE(store->clone(own).ok());
      int64_t sum = 0;
      for (int n = 0; n < 50; ++n) own->add("sum", 1, sum);
      std::string value;
      CHECK(own->get("last", Milliseconds(5000), value).ok());
      CHECK(value == "word");
    });
  CHECK(store->set("last", "word").ok());
  for (auto& thread : threads) thread.join();
  int64_t sum = 0;
  CHECK(store->add("sum", 0, sum).ok());
  CHECK(sum == 200);
}

TEST_CASE("a store that ends fails those that wait, and a port in use is refused") {
  auto store = served();
  std::unique_ptr<Store> other, third;
  REQUIRE(store->clone(other).ok());
  CHECK(open_tcp_store({"127.0.0.1", store->port(), true, Milliseconds(100)}, third).failure == Failure::argument);
  std::thread waiting([&] { CHECK(other->wait({"never"}, Milliseconds(20000)).failure == Failure::connection); });
  std::this_thread::sleep_for(Milliseconds(50));
  store->close();
  waiting.join();
  CHECK(store->set("a", "b").failure == Failure::connection);
}

TEST_CASE("a server drops whoever does not speak its protocol") {
  const auto store = served();
  const auto deadline = Clock::now() + Milliseconds(5000);
  const uint32_t huge = 0xffffffff;
  std::string half(reinterpret_cast<const char*>(&kStoreGreeting), sizeof kStoreGreeting);
  for (const std::string& sent :
       {std::string("GET / HTTP/1.1\r\n\r\n"), half + std::string(reinterpret_cast<const char*>(&huge), 4),
        half + std::string("\x03\x00\x00\x00\x63zz", 7), half + Writer(0).number(1 << 30).frame()}) {
    Socket socket;
    REQUIRE(connect_to("127.0.0.1", store->port(), deadline, socket).ok());
    CHECK(socket.send_all(sent.data(), sent.size(), deadline).ok());
    char answer = 0;
    CHECK(socket.receive_all(&answer, 1, deadline).failure == Failure::connection);
  }
  CHECK(store->set("still", "there").ok());
}
#endif
