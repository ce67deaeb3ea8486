// A device without hardware: CPU kernels that run later, on a thread of their own, over pages that the host may
// not touch. It keeps host code honest about asynchronous devices on machines that have none.
#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "flambeau/backend.h"

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace flambeau {
namespace {

size_t pages(size_t nbytes) {
#ifdef __linux__
  static const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (nbytes + page) / page * page;
#else
  return nbytes + 1;
#endif
}

void protect([[maybe_unused]] const Storage& s, [[maybe_unused]] bool open) {
#ifdef __linux__
  mprotect(s.data, pages(s.nbytes), open ? PROT_READ | PROT_WRITE : PROT_NONE);
#endif
}

struct DebugBackend final : Backend {
  DebugBackend() {
    name = "debug";
    kernels = cpu::kTable;
    std::thread([this] { run(); }).detach();
  }

  void* allocate(size_t nbytes) override {
#ifdef __linux__
    void* data = mmap(nullptr, pages(nbytes), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) return nullptr;
#else
    void* data = std::malloc(pages(nbytes));
    if (!data) return nullptr;
#endif
    std::lock_guard lock(mutex_);
    stats_.in_use += pages(nbytes);
    stats_.peak = std::max(stats_.peak, stats_.in_use);
    ++stats_.allocations;
    return data;
  }
  void free(void* data, size_t nbytes) override {
#ifdef __linux__
    munmap(data, pages(nbytes));
#else
    std::free(data);
#endif
    std::lock_guard lock(mutex_);
    stats_.in_use -= pages(nbytes);
  }
  void empty_cache() override {}
  MemoryStats memory() override {
    std::lock_guard lock(mutex_);
    return stats_;
  }

  Status submit(int kernel, std::span<const double> words, std::span<Storage* const> storages) override {
    auto call = std::make_shared<Call>(kernel, words, storages);
    enqueue([this, call] {
      for (Storage* s : call->storages) protect(*s, true);
      Status status = invoke_safely(kernels, call->kernel, call->words.data(), call->storages.data());
      for (Storage* s : call->storages) protect(*s, false);
      if (!status.ok() && failure_.ok()) {
        failure_ = status;
        failure_.kernel = call->kernel;
      }
    });
    return {};
  }
  Status read(void* host, const Storage& from, size_t offset, size_t nbytes) override {
    return wait_for([&] {
      protect(from, true);
      std::memcpy(host, static_cast<const char*>(from.data) + offset, nbytes);
      protect(from, false);
    });
  }
  Status write(Storage& to, size_t offset, const void* host, size_t nbytes) override {
    return wait_for([&] {
      protect(to, true);
      std::memcpy(static_cast<char*>(to.data) + offset, host, nbytes);
      protect(to, false);
    });
  }
  Status synchronize() override {
    return wait_for([] {});
  }

 private:
  void enqueue(std::function<void()> job) {
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(job));
    }
    wake_.notify_one();
  }

  // Runs the job in its turn; an earlier call's failure is reported here, once.
  template <typename Job>
  Status wait_for(Job job) {
    std::mutex done_mutex;
    std::condition_variable done_cv;
    bool done = false;
    Status status;
    enqueue([&] {
      job();
      std::lock_guard lock(done_mutex);
      status = failure_;
      failure_ = {};
      done = true;
      done_cv.notify_one();
    });
    std::unique_lock lock(done_mutex);
    done_cv.wait(lock, [&] { return done; });
    return status;
  }

  void run() {
    for (;;) {
      std::function<void()> job;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return !queue_.empty(); });
        job = std::move(queue_.front());
        queue_.pop_front();
      }
      job();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  MemoryStats stats_;
  Status failure_;  // the queue thread's; the host reads it through the queue
};

}  // namespace

Backend& debug_backend() {
  static auto* backend = new DebugBackend;
  return *backend;
}

}  // namespace flambeau
