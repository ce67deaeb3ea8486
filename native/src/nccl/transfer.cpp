// Messages. A preface says how much comes: a receiver that expects another size would wait for ever, or write past it.
#include <cstring>

#include "nccl/group.h"
#include "nccl/types.h"

namespace flambeau::distributed {
namespace {

struct Preface {
  int64_t count = 0;
  int64_t dtype = 0;
};

std::string part(const Preface& preface) {
  return std::to_string(preface.count) + " elements of " +
         name_of(static_cast<DType>(static_cast<uint64_t>(preface.dtype) % kNumDTypes));
}

size_t bytes_in(const Preface& preface) {
  return static_cast<size_t>(preface.count) * size_of(static_cast<DType>(preface.dtype));
}

}  // namespace

// Takes its turn when it is made, on the thread of whoever asks for it.
class NcclTransfer final : public Transfer {
 public:
  NcclTransfer(NcclGroup& group, const Message& message, bool sends)
      : group_(group), message_(message), sends_(sends), deadline_(Clock::now() + message.timeout) {
    if (const Outcome refusal = refused(); !refusal.ok()) return;
    channel_ = &group.channel(message.peer, sends);
    turn_ = channel_->taken.fetch_add(1);
    mark_ = group.mark();
  }

  int peer() const override { return message_.peer; }

  Outcome finish() override {
    if (Outcome refusal = refused(); !refusal.ok()) return refusal;
    const Watch watch{during(), deadline_, message_.timeout};
    if (Outcome outcome = group_.usable(watch.during); !outcome.ok()) return outcome;
    const NcclGroup::UnderWay here(group_.under_way_);
    Outcome outcome = group_.poll(watch, [&](std::string&) { return channel_->served == turn_; });
    // Where it fails, so does every other.
    if (!outcome.ok()) return outcome;
    outcome = ready(watch);
    if (outcome.ok()) outcome = sends_ ? send(watch) : receive(watch);
    if (!outcome.ok() && outcome.failure != Failure::mismatch && channel_->communicator) channel_->communicator->stop();
    ++channel_->served;
    return outcome;
  }

 private:
  std::string during() const {
    if (message_.peer < 0) return "recv from any rank";
    return (sends_ ? "send to rank " : "recv from rank ") + group_.name_of_rank(message_.peer);
  }

  Outcome refused() const {
    if (message_.peer < 0) return {Failure::argument, during() + ": NCCL receives from a rank that is named"};
    if (message_.tag != 0)
      return {Failure::argument,
              during() + ": NCCL knows messages by their order alone, got tag " + std::to_string(message_.tag)};
    return {};
  }

  // Sender and receiver have a communicator of their own, in which the sender is rank 0.
  Outcome ready(const Watch& watch) {
    if (!channel_->communicator) {
      std::unique_ptr<NcclQueue> queue = group_.device_->make_queue();
      if (!queue) return group_.failed(watch, "the device has no further stream");
      auto made = std::make_unique<Communicator>(group_.functions_, std::move(queue));
      const int from = sends_ ? group_.rank_ : message_.peer, to = sends_ ? message_.peer : group_.rank_;
      const std::string key = "message/" + std::to_string(from) + "-" + std::to_string(to);
      if (Outcome outcome = group_.connect(*made, key, 2, sends_ ? 0 : 1, watch); !outcome.ok()) return outcome;
      channel_->device = group_.device_->memory(sizeof(Preface));
      channel_->host = group_.device_->host_memory(sizeof(Preface));
      if (!channel_->device || !channel_->host) return group_.failed(watch, "no memory for a message's preface");
      channel_->communicator = std::move(made);
    }
    NcclQueue& queue = channel_->communicator->queue();
    return queue.enter() ? Outcome{} : group_.failed(watch, queue.error());
  }

  Outcome move(const Watch& watch, void* data, size_t nbytes) {
    const int other = sends_ ? 1 : 0;
    return group_.launch(*channel_->communicator, watch, [&](nccl::Comm comm, nccl::Stream stream) {
      return sends_ ? group_.functions_.send(data, nbytes, nccl::kInt8, other, comm, stream)
                    : group_.functions_.receive(data, nbytes, nccl::kInt8, other, comm, stream);
    });
  }

  Outcome send(const Watch& watch) {
    NcclQueue& queue = channel_->communicator->queue();
    const Preface preface{message_.count, static_cast<int64_t>(message_.dtype)};
    std::memcpy(channel_->host->data(), &preface, sizeof preface);
    void* at = channel_->device->data();
    if (!queue.copy_in(at, channel_->host->data(), sizeof preface)) return group_.failed(watch, queue.error());
    Outcome outcome = move(watch, at, sizeof preface);
    if (outcome.ok()) outcome = payload(watch, message_.data, bytes_in(preface));
    return outcome;
  }

  Outcome receive(const Watch& watch) {
    NcclQueue& queue = channel_->communicator->queue();
    void* at = channel_->device->data();
    Outcome outcome = move(watch, at, sizeof(Preface));
    if (!outcome.ok()) return outcome;
    if (!queue.copy_out(channel_->host->data(), at, sizeof(Preface))) return group_.failed(watch, queue.error());
    if (outcome = group_.complete(*channel_->communicator, watch); !outcome.ok()) return outcome;
    Preface preface;
    std::memcpy(static_cast<void*>(&preface), channel_->host->data(), sizeof preface);
    if (preface.count < 0 || preface.dtype < 0 || preface.dtype >= kNumDTypes)
      return group_.failed(watch, "what came is no message of Flambeau's");
    const Preface expected{message_.count, static_cast<int64_t>(message_.dtype)};
    if (preface.count == expected.count && preface.dtype == expected.dtype)
      return payload(watch, message_.data, bytes_in(preface));
    // What does not fit is taken all the same: its sender waits.
    if (preface.count > 0) {
      const auto nowhere = group_.device_->memory(bytes_in(preface));
      if (!nowhere) return group_.failed(watch, "no memory for a message that does not fit");
      outcome = payload(watch, nowhere->data(), bytes_in(preface));
      // It may still be written to, and goes away here.
      if (!outcome.ok()) channel_->communicator->stop();
      if (!outcome.ok()) return outcome;
    }
    return {Failure::mismatch, watch.during + ": expected " + part(expected) + ", which sent " + part(preface)};
  }

  Outcome payload(const Watch& watch, void* data, size_t nbytes) {
    Communicator& communicator = *channel_->communicator;
    if (!mark_) return group_.failed(watch, "the device's stream could not be marked");
    if (!communicator.queue().follow(mark_)) return group_.failed(watch, communicator.queue().error());
    Outcome outcome = nbytes > 0 ? move(watch, data, nbytes) : Outcome{};
    return outcome.ok() ? group_.complete(communicator, watch) : outcome;
  }

  NcclGroup& group_;
  Message message_;
  bool sends_;
  Clock::time_point deadline_;
  NcclGroup::Channel* channel_ = nullptr;
  uint64_t turn_ = 0;
  Mark mark_;
};

std::unique_ptr<Transfer> NcclGroup::send(const Message& message) {
  return std::make_unique<NcclTransfer>(*this, message, true);
}

std::unique_ptr<Transfer> NcclGroup::receive(const Message& message) {
  return std::make_unique<NcclTransfer>(*this, message, false);
}

}  // namespace flambeau::distributed
