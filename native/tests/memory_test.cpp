#include <doctest/doctest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "flambeau/allocator.h"
#include "flambeau/backend.h"
#include "flambeau/storage.h"

using namespace flambeau;

// The backend's own allocator is never destroyed; one of a test's gives its cache back.
struct Allocator : CachingAllocator {
  ~Allocator() { empty_cache(); }
};

TEST_CASE("the allocator gives aligned memory of at least the size, at most a quarter more") {
  Allocator allocator;
  for (size_t nbytes : {0, 1, 63, 64, 65, 100, 128, 129, 4097, 100000, (2 << 20) + 1}) {
    const size_t before = allocator.stats().in_use;
    void* data = allocator.allocate(nbytes);
    REQUIRE(data != nullptr);
    CHECK(reinterpret_cast<uintptr_t>(data) % 64 == 0);
    const size_t size = allocator.stats().in_use - before;
    CHECK(size >= nbytes);
    CHECK(size <= std::max<size_t>(64, nbytes + nbytes / 4 + 1));
    std::memset(data, 1, nbytes);
    allocator.free(data, nbytes);
  }
  CHECK(allocator.stats().in_use == 0);
}

TEST_CASE("a freed block serves the next request of its class, until the cache is emptied") {
  Allocator allocator;
  void* first = allocator.allocate(1000);
  allocator.free(first, 1000);
  CHECK(allocator.stats().cached >= 1000);
  void* second = allocator.allocate(1001);
  CHECK(second == first);
  CHECK(allocator.stats().cached == 0);
  allocator.free(second, 1001);
  allocator.empty_cache();
  CHECK(allocator.stats().cached == 0);
  CHECK(allocator.stats().allocations == 2);
}

TEST_CASE("the cache is bounded") {
  Allocator allocator;
  const size_t nbytes = CachingAllocator::kMaxCached / 4;
  std::vector<void*> blocks;
  for (int i = 0; i < 6; ++i) blocks.push_back(allocator.allocate(nbytes));
  const size_t peak = allocator.stats().in_use;
  for (void* block : blocks) allocator.free(block, nbytes);
  CHECK(allocator.stats().cached <= CachingAllocator::kMaxCached);
  CHECK(allocator.stats().peak == peak);
}

TEST_CASE("a full cache goes over to the sizes that are in use") {
  Allocator allocator;
  constexpr size_t kOld = CachingAllocator::kMaxCached / 4, kNew = size_t{1} << 20;
  std::vector<void*> blocks;
  for (int i = 0; i < 4; ++i) blocks.push_back(allocator.allocate(kOld));
  for (void* block : blocks) allocator.free(block, kOld);
  CHECK(allocator.stats().cached == CachingAllocator::kMaxCached);
  allocator.free(allocator.allocate(kNew), kNew);
  // One old block made room, and the new one is there for the next request.
  CHECK(allocator.stats().cached == CachingAllocator::kMaxCached - kOld + kNew);
  void* again = allocator.allocate(kNew);
  CHECK(allocator.stats().cached == CachingAllocator::kMaxCached - kOld);
  allocator.free(again, kNew);
  // A block larger than the whole bound is not kept, and drives nothing out.
  allocator.free(allocator.allocate(CachingAllocator::kMaxCached + 1), CachingAllocator::kMaxCached + 1);
  CHECK(allocator.stats().cached == CachingAllocator::kMaxCached - kOld + kNew);
}

TEST_CASE("a block that was freed just before may be in the caches") {
  Allocator allocator;
  constexpr size_t kSize = size_t{4} << 20;
  auto* block = static_cast<char*>(allocator.allocate(kSize));
  CHECK(!likely_cached(block));  // new pages
  allocator.free(block, kSize);
  CHECK(allocator.allocate(kSize) == block);
  CHECK(likely_cached(block));
  CHECK(likely_cached(block + kSize - 1));
  CHECK(!likely_cached(block + kSize));
  // What was allocated since has driven it out.
  allocator.free(block, kSize);
  void* others[3];
  for (void*& other : others) other = allocator.allocate(kSize * 2);
  CHECK(allocator.allocate(kSize) == block);
  CHECK(!likely_cached(block));
  allocator.free(block, kSize);
  for (void* other : others) allocator.free(other, kSize * 2);
}

TEST_CASE("a request beyond all memory is refused") {
  Allocator allocator;
  CHECK(allocator.allocate(size_t{1} << 59) == nullptr);
  CHECK(allocator.allocate(~size_t{0}) == nullptr);
  CHECK(allocator.stats().in_use == 0);
}

TEST_CASE("threads share one allocator") {
  Allocator allocator;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&allocator, t] {
      for (int i = 0; i < 1000; ++i) {
        const size_t nbytes = 64 + static_cast<size_t>(i % 7) * 100;
        auto* data = static_cast<char*>(allocator.allocate(nbytes));
        std::memset(data, t, nbytes);
        allocator.free(data, nbytes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(allocator.stats().in_use == 0);
  CHECK(allocator.stats().allocations == 4000);
}

TEST_CASE("a storage's memory goes back with its last reference, on whichever thread that is") {
  const size_t before = cpu_backend().memory().in_use;
  Storage* storage = Storage::allocate(cpu_backend(), 4096);
  REQUIRE(storage != nullptr);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    storage->retain();
    threads.emplace_back([storage] {
      static_cast<volatile char*>(storage->data)[0];
      storage->release();
    });
  }
  CHECK(cpu_backend().memory().in_use > before);
  storage->release();
  for (std::thread& thread : threads) thread.join();
  CHECK(cpu_backend().memory().in_use == before);
}
