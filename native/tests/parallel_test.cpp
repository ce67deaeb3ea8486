#include "flambeau/parallel.h"

#include <doctest/doctest.h>

#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "flambeau/backend.h"

using namespace flambeau;

using Chunks = std::set<std::pair<int64_t, int64_t>>;

static Chunks chunks_of(int64_t n, int64_t grain, int64_t align) {
  Chunks chunks;
  std::mutex mutex;
  parallel_for(
      n, grain,
      [&](int64_t begin, int64_t end) {
        std::lock_guard lock(mutex);
        chunks.emplace(begin, end);
      },
      align);
  return chunks;
}

TEST_CASE("parallel_for covers the range once, in aligned chunks, the same way each time") {
  const int threads = get_num_threads();
  set_num_threads(3);
  for (int64_t n : {0, 1, 15, 16, 17, 100, 1000, 100003}) {
    for (int64_t align : {1, 16}) {
      const Chunks chunks = chunks_of(n, 10, align);
      int64_t position = 0;
      for (const auto& [begin, end] : chunks) {
        CHECK(begin == position);
        CHECK(begin % align == 0);
        position = end;
      }
      CHECK(position == n);
      CHECK(chunks_of(n, 10, align) == chunks);
    }
  }
  CHECK(chunks_of(1000, 10, 1).size() == 3);
  set_num_threads(threads);
}

TEST_CASE("parallel_for stays on one thread below the grain, and inside another parallel_for") {
  const int threads = get_num_threads();
  set_num_threads(2);
  CHECK(chunks_of(1000, 1000, 1).size() == 1);
  std::mutex mutex;
  std::vector<size_t> inner;
  parallel_for(2, 1, [&](int64_t, int64_t) {
    const size_t count = chunks_of(1000, 10, 1).size();
    std::lock_guard lock(mutex);
    inner.push_back(count);
  });
  CHECK(inner == std::vector<size_t>{1, 1});
  set_num_threads(threads);
}
