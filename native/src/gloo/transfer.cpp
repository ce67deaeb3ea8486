#include "gloo/transfer.h"

#include <algorithm>

namespace flambeau::distributed {
namespace {

// Beside the headers' slot; the rest is the message's tag, or its number among those of its sender.
constexpr uint64_t kPrefaceSlot = 0x41ULL << 56, kPayloadSlot = 0x42ULL << 56;

struct Preface {
  uint64_t id = 0;
  int64_t count = 0;
  uint64_t dtype = 0;
};

std::string part(int64_t count, uint64_t dtype) {
  return std::to_string(count) + " elements of " + name_of(static_cast<DType>(dtype % kNumDTypes));
}

class GlooTransfer : public Transfer {
 public:
  GlooTransfer(GlooGroup& group, const Message& message) : group_(group), message_(message) {
    bytes_ = static_cast<size_t>(message.count) * size_of(message.dtype);
    deadline_ = Clock::now() + message.timeout;
    preface_buffer_ = group.context()->createUnboundBuffer(&preface_, sizeof preface_);
    payload_ = group.context()->createUnboundBuffer(message.data, bytes_);
  }

  int peer() const override { return message_.peer; }

 protected:
  Milliseconds left() const {
    return std::max(std::chrono::duration_cast<Milliseconds>(deadline_ - Clock::now()), Milliseconds(1));
  }

  Outcome failed(const std::string& during, const std::string& what) {
    const bool timed_out = is_timeout(what);
    std::vector<int> suspects;
    if (message_.peer >= 0) suspects.push_back(message_.peer);
    return group_.explain(during, timed_out ? "within " + std::to_string(message_.timeout.count()) + " ms" : what,
                          timed_out, suspects);
  }

  GlooGroup& group_;
  Message message_;
  size_t bytes_ = 0;
  Clock::time_point deadline_;
  Preface preface_;
  std::unique_ptr<gloo::transport::UnboundBuffer> preface_buffer_, payload_;
  std::string broken_;  // what kept it from being started
};

class Send final : public GlooTransfer {
 public:
  Send(GlooGroup& group, const Message& message, uint32_t id) : GlooTransfer(group, message) {
    preface_ = {id, message.count, static_cast<uint64_t>(message.dtype)};
    try {
      preface_buffer_->send(message.peer, kPrefaceSlot | message.tag);
      if (bytes_ > 0) payload_->send(message.peer, kPayloadSlot | id);
    } catch (const std::exception& error) {
      broken_ = error.what();
    }
  }

  Outcome finish() override {
    const std::string during = "send to rank " + group_.name_of_rank(message_.peer);
    if (!broken_.empty()) return failed(during, broken_);
    try {
      preface_buffer_->waitSend(left());
      if (bytes_ > 0) payload_->waitSend(left());
      return {};
    } catch (const std::exception& error) {
      return failed(during, error.what());
    }
  }
};

class Receive final : public GlooTransfer {
 public:
  Receive(GlooGroup& group, const Message& message) : GlooTransfer(group, message) {
    std::vector<int> sources;
    for (int rank = 0; rank < group.context()->size; ++rank)
      if (message.peer >= 0 ? rank == message.peer : rank != group.context()->rank) sources.push_back(rank);
    try {
      preface_buffer_->recv(sources, kPrefaceSlot | message.tag);
    } catch (const std::exception& error) {
      broken_ = error.what();
    }
  }

  Outcome finish() override {
    std::string during =
        message_.peer < 0 ? "recv from any rank" : "recv from rank " + group_.name_of_rank(message_.peer);
    if (!broken_.empty()) return failed(during, broken_);
    try {
      preface_buffer_->waitRecv(&message_.peer, left());
      during = "recv from rank " + group_.name_of_rank(message_.peer);
      const uint64_t dtype = static_cast<uint64_t>(message_.dtype);
      if (preface_.count == message_.count && preface_.dtype == dtype) {
        if (bytes_ == 0) return {};
        payload_->recv(message_.peer, kPayloadSlot | preface_.id);
        payload_->waitRecv(left());
        return {};
      }
      drop();
      return {Failure::mismatch, during + ": expected " + part(message_.count, dtype) + ", which sent " +
                                     part(preface_.count, preface_.dtype)};
    } catch (const std::exception& error) {
      return failed(during, error.what());
    }
  }

 private:
  // The sender is not to wait for somebody who does not want what it has.
  void drop() {
    const size_t size = size_of(static_cast<DType>(preface_.dtype % kNumDTypes));
    std::vector<char> nowhere(static_cast<size_t>(std::max<int64_t>(preface_.count, 0)) * size);
    if (nowhere.empty()) return;
    const auto buffer = group_.context()->createUnboundBuffer(nowhere.data(), nowhere.size());
    buffer->recv(message_.peer, kPayloadSlot | preface_.id);
    buffer->waitRecv(left());
  }
};

}  // namespace

std::unique_ptr<Transfer> start_send(GlooGroup& group, const Message& message, uint32_t id) {
  return std::make_unique<Send>(group, message, id);
}

std::unique_ptr<Transfer> start_receive(GlooGroup& group, const Message& message) {
  return std::make_unique<Receive>(group, message);
}

std::unique_ptr<Transfer> GlooGroup::send(const Message& message) {
  return start_send(*this, message, next_message_.fetch_add(1));
}

std::unique_ptr<Transfer> GlooGroup::receive(const Message& message) { return start_receive(*this, message); }

}  // namespace flambeau::distributed
