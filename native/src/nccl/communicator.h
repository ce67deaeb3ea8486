// A communicator of NCCL's, which does not block, and the stream that it works on.
#pragma once
#include <functional>
#include <mutex>

#include "flambeau/distributed.h"
#include "nccl/device.h"

namespace flambeau::distributed {

class Communicator {
 public:
  using Calls = std::function<int(nccl::Comm, nccl::Stream)>;

  Communicator(const nccl::Functions& functions, std::unique_ptr<NcclQueue> queue)
      : functions_(functions), queue_(std::move(queue)) {}
  ~Communicator() { stop(); }
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  // Begins to join the other ranks; `state` tells when that is done.
  int connect(int ranks, const nccl::UniqueId& id, int rank);
  // Makes calls of NCCL's as one, on the stream.
  int launch(const Calls& calls);
  // NCCL's result for what was begun: kInProgress until it is done.
  int state();
  std::string text_of(int result);
  NcclQueue& queue() { return *queue_; }
  // Ends it together with the other ranks, or alone where they do not come in time.
  void finish(Clock::time_point until);
  // Ends it at once, with whatever is under way, which writes nothing any more afterwards.
  void stop();

 private:
  const nccl::Functions& functions_;
  std::unique_ptr<NcclQueue> queue_;
  std::mutex mutex_;  // NCCL takes one call at a time
  nccl::Comm comm_ = nullptr;
};

}  // namespace flambeau::distributed
