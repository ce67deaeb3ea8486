#include "flambeau/allocator.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace flambeau {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{2} << 20;

// Large blocks begin in lines of their own within their first huge page, a few apart: where arrays that are read and
// written together begin alike, their lines meet in the same sets of a cache.
constexpr size_t kStep = 67 * kAlignment;
constexpr size_t kSteps = 16;

void* system_allocate(size_t nbytes) {
  if (nbytes < kHugePage) return ::operator new(nbytes, std::align_val_t(kAlignment), std::nothrow);
  static std::atomic<size_t> made = 0;
  const size_t begin = made++ % kSteps * kStep;
  auto* page = static_cast<char*>(::operator new(begin + nbytes, std::align_val_t(kHugePage), std::nothrow));
  if (!page) return nullptr;
#ifdef __linux__
  // Fewer page faults and TLB misses; a refusal changes nothing.
  madvise(page, begin + nbytes, MADV_HUGEPAGE);
#endif
  return page + begin;
}

void system_free(void* data, size_t nbytes) {
  if (nbytes < kHugePage) return ::operator delete(data, std::align_val_t(kAlignment));
  static_assert(kSteps * kStep <= kHugePage);
  const size_t begin = reinterpret_cast<uintptr_t>(data) % kHugePage;
  ::operator delete(static_cast<char*>(data) - begin, std::align_val_t(kHugePage));
}

// The last large blocks of each thread that may be in the caches.
constexpr size_t kLarge = size_t{1} << 20;
constexpr uint64_t kSoon = 8 * kLarge;  // bytes allocated since a block was freed
constexpr int kRemembered = 8;

struct Remembered {
  struct {
    const char* data = nullptr;
    size_t nbytes = 0;
  } blocks[kRemembered];
  int next = 0;

  void allocated(const void* data, size_t nbytes, bool cached) {
    int at = 0;
    while (at < kRemembered && blocks[at].data != data) ++at;
    if (at == kRemembered) {
      if (!cached) return;
      at = next;
      next = (next + 1) % kRemembered;
    }
    blocks[at] = {static_cast<const char*>(data), cached ? nbytes : 0};
  }
};
thread_local Remembered remembered;

}  // namespace

bool likely_cached(const void* data) {
  for (const auto& block : remembered.blocks)
    if (data >= block.data && data < block.data + block.nbytes) return true;
  return false;
}

// Classes: 64 bytes, then four steps to each doubling, so that at most a quarter is unused.
int CachingAllocator::bin_of(size_t nbytes) {
  if (nbytes <= 64) return 0;
  const int log2 = std::bit_width(nbytes - 1) - 1;  // 2^log2 < nbytes <= 2^(log2 + 1)
  const size_t step = (nbytes - 1 - (size_t{1} << log2)) >> (log2 - 2);
  return (log2 - 6) * 4 + static_cast<int>(step) + 1;
}

size_t CachingAllocator::bin_size(int bin) {
  if (bin == 0) return 64;
  const int log2 = (bin - 1) / 4 + 6;
  const size_t step = static_cast<size_t>((bin - 1) % 4) + 1;
  return (size_t{1} << log2) + (step << (log2 - 2));
}

void* CachingAllocator::allocate(size_t nbytes) {
  if (nbytes > (size_t{1} << 60)) return nullptr;
  const int bin = bin_of(nbytes);
  const size_t size = bin_size(bin);
  void* data = nullptr;
  bool cached = false;
  {
    std::lock_guard lock(mutex_);
    used_[bin] = ++clock_;
    if (!bins_[bin].empty()) {
      data = bins_[bin].back().data;
      cached = allocated_ - bins_[bin].back().freed <= kSoon;
      bins_[bin].pop_back();
      stats_.cached -= size;
    }
    allocated_ += size;
  }
  if (!data) data = system_allocate(size);
  if (!data) {
    empty_cache();
    data = system_allocate(size);
    if (!data) return nullptr;
  }
  if (size >= kLarge) remembered.allocated(data, size, cached);
  std::lock_guard lock(mutex_);
  stats_.in_use += size;
  stats_.peak = std::max(stats_.peak, stats_.in_use);
  ++stats_.allocations;
  return data;
}

void CachingAllocator::free(void* data, size_t nbytes) {
  const int bin = bin_of(nbytes);
  const size_t size = bin_size(bin);
  {
    std::lock_guard lock(mutex_);
    stats_.in_use -= size;
    used_[bin] = ++clock_;
    if (size <= kMaxCached) {
      while (stats_.cached + size > kMaxCached) evict();
      bins_[bin].push_back({data, allocated_});
      stats_.cached += size;
      return;
    }
  }
  system_free(data, size);
}

void CachingAllocator::evict() {
  int oldest = -1;
  for (int bin = 0; bin < kBins; ++bin)
    if (!bins_[bin].empty() && (oldest < 0 || used_[bin] < used_[oldest])) oldest = bin;
  system_free(bins_[oldest].back().data, bin_size(oldest));
  bins_[oldest].pop_back();
  stats_.cached -= bin_size(oldest);
}

void CachingAllocator::empty_cache() {
  std::lock_guard lock(mutex_);
  for (int bin = 0; bin < kBins; ++bin) {
    for (const Block& block : bins_[bin]) system_free(block.data, bin_size(bin));
    bins_[bin].clear();
  }
  stats_.cached = 0;
}

MemoryStats CachingAllocator::stats() {
  std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace flambeau
