#include "nccl/communicator.h"

#include <thread>

namespace flambeau::distributed {
namespace {

// No result of NCCL's.
constexpr int kStopped = -1;
// How long what was aborted may take to leave the device.
constexpr Milliseconds kDrain{1000};
constexpr Milliseconds kPause{1};

}  // namespace

int Communicator::connect(int ranks, const nccl::UniqueId& id, int rank) {
  const std::lock_guard lock(mutex_);
  nccl::Config config;
  return functions_.init_rank(&comm_, ranks, id, rank, &config);
}

int Communicator::launch(const Calls& calls) {
  const std::lock_guard lock(mutex_);
  if (!comm_) return kStopped;
  if (const int begun = functions_.group_start(); begun != nccl::kSuccess) return begun;
  const int called = calls(comm_, queue_->stream());
  const int ended = functions_.group_end();
  return called == nccl::kSuccess || called == nccl::kInProgress ? ended : called;
}

int Communicator::state() {
  const std::lock_guard lock(mutex_);
  if (!comm_) return kStopped;
  int state = nccl::kSuccess;
  const int asked = functions_.async_error(comm_, &state);
  return asked == nccl::kSuccess ? state : asked;
}

std::string Communicator::text_of(int result) {
  const std::lock_guard lock(mutex_);
  if (result == kStopped) return "the communicator was ended";
  std::string text = std::string("NCCL: ") + functions_.error_string(result);
  const char* last = comm_ ? functions_.last_error(comm_) : nullptr;
  if (last && *last) text += std::string(" (") + last + ")";
  return text;
}

void Communicator::finish(Clock::time_point until) {
  const std::lock_guard lock(mutex_);
  if (!comm_) return;
  queue_->enter();
  int state = functions_.finalize(comm_);
  while (state == nccl::kInProgress && Clock::now() < until) {
    std::this_thread::sleep_for(kPause);
    if (const int asked = functions_.async_error(comm_, &state); asked != nccl::kSuccess) state = asked;
  }
  if (state == nccl::kSuccess)
    functions_.destroy(comm_);
  else
    functions_.abort(comm_);
  comm_ = nullptr;
}

void Communicator::stop() {
  const std::lock_guard lock(mutex_);
  if (!comm_) return;
  queue_->enter();
  functions_.abort(comm_);
  comm_ = nullptr;
  const auto until = Clock::now() + kDrain;
  if (!queue_->end()) return;
  while (queue_->progress() == NcclQueue::Progress::pending && Clock::now() < until)
    std::this_thread::sleep_for(kPause);
}

}  // namespace flambeau::distributed
