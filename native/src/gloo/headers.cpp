#include "gloo/headers.h"

#include <algorithm>
#include <cstddef>

namespace flambeau::distributed {
namespace {

// Slots beside those of Gloo's own collectives, whose first byte is less.
constexpr uint64_t kHeaderSlot = 0x40ULL << 56;

Milliseconds left(Clock::time_point deadline) {
  return std::max(std::chrono::duration_cast<Milliseconds>(deadline - Clock::now()), Milliseconds(1));
}

}  // namespace

bool is_timeout(const std::string& what) { return what.find("Timed out") != std::string::npos; }

Headers::Headers(std::shared_ptr<gloo::Context> context) : context_(std::move(context)) {
  const auto size = static_cast<size_t>(context_->size);
  gone_.resize(size);
  received_.resize(size);
  incoming_.resize(size);
  outgoing_.resize(size);
  receives_.resize(size);
  sends_.resize(size);
  for (int rank = 0; rank < context_->size; ++rank) {
    if (rank == context_->rank) continue;
    const auto i = static_cast<size_t>(rank);
    receives_[i] = context_->createUnboundBuffer(&incoming_[i], sizeof(Header));
    sends_[i] = context_->createUnboundBuffer(&outgoing_[i], sizeof(Header));
    expect(rank);
  }
}

void Headers::expect(int rank) {
  try {
    receives_[static_cast<size_t>(rank)]->recv(rank, kHeaderSlot);
  } catch (const std::exception&) {
    gone_[static_cast<size_t>(rank)] = 1;
  }
}

std::vector<int> Headers::exchange(const std::vector<Header>& mine, size_t inline_bytes, Clock::time_point deadline) {
  std::vector<int> missing;
  std::vector<char> unsent(mine.size());
  const uint64_t sequence = sequence_++;
  for (int rank = 0; rank < context_->size; ++rank) {
    if (rank == context_->rank) continue;
    const auto i = static_cast<size_t>(rank);
    outgoing_[i] = mine[i];
    outgoing_[i].sequence = sequence;
    try {
      sends_[i]->send(rank, kHeaderSlot, 0, offsetof(Header, data) + inline_bytes);
    } catch (const std::exception&) {
      // Its connection is closed. What it sent before may be here all the same; otherwise the receive below fails.
      unsent[i] = 1;
    }
  }
  for (int rank = 0; rank < context_->size; ++rank) {
    const auto i = static_cast<size_t>(rank);
    if (rank == context_->rank) {
      received_[i] = mine[i];
      continue;
    }
    if (gone_[i]) return closed();
    try {
      // Once one is late, the deadline is over and the others are only asked whether they have come.
      receives_[i]->waitRecv(left(deadline));
    } catch (const std::exception& error) {
      late_ = late_ || is_timeout(error.what());
      if (!late_) return closed();
      missing.push_back(rank);
      continue;
    }
    received_[i] = incoming_[i];
    expect(rank);
    if (unsent[i]) continue;
    try {
      sends_[i]->waitSend(left(deadline));
    } catch (const std::exception&) {
      // It came, and has left since: what follows fails.
    }
  }
  return missing;
}

std::vector<int> Headers::closed() {
  std::vector<int> result;
  for (int rank = 0; rank < context_->size; ++rank) {
    if (rank == context_->rank) continue;
    if (gone_[static_cast<size_t>(rank)]) {
      result.push_back(rank);
      continue;
    }
    try {
      // Aborted before it begins, it does not wait: it throws where the connection has failed.
      receives_[static_cast<size_t>(rank)]->abortWaitRecv();
      receives_[static_cast<size_t>(rank)]->waitRecv(Milliseconds(1));
    } catch (const std::exception&) {
      result.push_back(rank);
    }
  }
  return result;
}

}  // namespace flambeau::distributed
