#include "allocator.h"

#include <algorithm>

#include "device.h"

namespace flambeau::cuda {
namespace {

constexpr size_t kUnit = 512;               // sizes are multiples of it
constexpr size_t kSmall = size_t{1} << 20;  // up to here, blocks are cut from segments of kSmallSegment
constexpr size_t kSmallSegment = size_t{2} << 20;
constexpr size_t kLarge = size_t{10} << 20;  // up to here, from segments of kLargeSegment
constexpr size_t kLargeSegment = size_t{20} << 20;

size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

size_t segment_size(size_t size) {
  return size <= kSmall ? kSmallSegment : size < kLarge ? kLargeSegment : round_up(size, kSmallSegment);
}

}  // namespace

void* Allocator::allocate(size_t nbytes, cudaStream_t stream) {
  std::lock_guard lock(mutex_);
  const size_t size = round_up(std::max<size_t>(nbytes, 1), kUnit);
  const bool small = size <= kSmall;
  if (!waiting_.empty()) collect_waiting(false);
  Block* block = find(size, small, stream);
  if (!block) block = grow(size, small, stream);
  if (!block) return nullptr;
  // The rest goes back, unless it is too little to be worth it.
  const size_t rest = block->size - size;
  if (rest >= (small ? kUnit : kSmall)) {
    auto* tail = new Block{block->data + size, rest, block->stream, small, true, block, block->after, {}};
    if (block->after) block->after->before = tail;
    block->after = tail;
    block->size = size;
    free_.insert(tail);
    stats_.cached += rest;
  }
  block->free = false;
  used_[block->data] = block;
  stats_.in_use += block->size;
  stats_.peak = std::max(stats_.peak, stats_.in_use);
  ++stats_.allocations;
  return block->data;
}

Allocator::Block* Allocator::find(size_t size, bool small, cudaStream_t stream) {
  Block key;
  key.size = size;
  key.small = small;
  key.stream = stream;
  const auto found = free_.lower_bound(&key);
  if (found == free_.end() || (*found)->stream != stream || (*found)->small != small) return nullptr;
  // A much larger block of the large kind is left for larger requests.
  if (!small && size < kLarge && (*found)->size > 16 * kLargeSegment) return nullptr;
  Block* block = *found;
  free_.erase(found);
  stats_.cached -= block->size;
  return block;
}

Allocator::Block* Allocator::grow(size_t size, bool small, cudaStream_t stream) {
  const size_t wanted = segment_size(size);
  void* data = nullptr;
  if (cudaMalloc(&data, wanted) != cudaSuccess) {
    cudaGetLastError();
    collect_waiting(true);
    release_segments();
    if (cudaMalloc(&data, wanted) != cudaSuccess) {
      cudaGetLastError();
      return nullptr;
    }
  }
  return new Block{static_cast<char*>(data), wanted, stream, small, false, nullptr, nullptr, {}};
}

void Allocator::free(void* data) {
  std::lock_guard lock(mutex_);
  const auto found = used_.find(data);
  if (found == used_.end()) return;
  Block* block = found->second;
  used_.erase(found);
  stats_.in_use -= block->size;
  if (block->others.empty()) {
    put_back(block);
    return;
  }
  Waiting waiting{block, {}};
  for (cudaStream_t stream : block->others) {
    cudaEvent_t event = nullptr;
    if (cudaEventCreateWithFlags(&event, cudaEventDisableTiming) != cudaSuccess) continue;
    cudaEventRecord(event, stream);
    waiting.events.push_back(event);
  }
  block->others.clear();
  stats_.cached += block->size;
  waiting_.push_back(std::move(waiting));
}

void Allocator::used_on(void* data, cudaStream_t stream) {
  std::lock_guard lock(mutex_);
  const auto found = used_.find(data);
  if (found == used_.end()) return;
  Block* block = found->second;
  if (block->stream == stream || std::ranges::find(block->others, stream) != block->others.end()) return;
  block->others.push_back(stream);
}

// Joins a block with its free neighbours.
void Allocator::put_back(Block* block) {
  stats_.cached += block->size;
  if (Block* before = block->before; before && before->free) {
    free_.erase(before);
    before->size += block->size;
    before->after = block->after;
    if (block->after) block->after->before = before;
    delete block;
    block = before;
  }
  if (Block* after = block->after; after && after->free) {
    free_.erase(after);
    block->size += after->size;
    block->after = after->after;
    if (after->after) after->after->before = block;
    delete after;
  }
  block->free = true;
  free_.insert(block);
}

// Frees the blocks that no other stream uses any more.
void Allocator::collect_waiting(bool wait) {
  std::erase_if(waiting_, [&](Waiting& waiting) {
    while (!waiting.events.empty()) {
      cudaEvent_t event = waiting.events.back();
      if (wait) cudaEventSynchronize(event);
      if (query(event) == cudaErrorNotReady) return false;
      cudaEventDestroy(event);
      waiting.events.pop_back();
    }
    stats_.cached -= waiting.block->size;
    put_back(waiting.block);
    return true;
  });
}

// Gives whole free segments back to the device.
void Allocator::release_segments() {
  cudaDeviceSynchronize();
  std::erase_if(free_, [&](Block* block) {
    if (block->before || block->after) return false;
    cudaFree(block->data);
    stats_.cached -= block->size;
    delete block;
    return true;
  });
}

void Allocator::empty_cache() {
  std::lock_guard lock(mutex_);
  collect_waiting(true);
  release_segments();
}

MemoryStats Allocator::stats() {
  std::lock_guard lock(mutex_);
  return stats_;
}

void Allocator::reset_peak() {
  std::lock_guard lock(mutex_);
  stats_.peak = stats_.in_use;
}

}  // namespace flambeau::cuda
