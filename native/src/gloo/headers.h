// How the ranks exchange their headers, and are told apart when one is missing.
#pragma once
#include <gloo/context.h>
#include <gloo/transport/unbound_buffer.h>

#include <memory>
#include <string>
#include <vector>

#include "groups/header.h"

namespace flambeau::distributed {

// Whether Gloo's exception says that time was up; it has then closed all connections.
bool is_timeout(const std::string& what);

// Throws nothing. Receives from every other rank are always waiting, so that a header travels as soon as its sender is
// there.
class Headers {
 public:
  Headers(std::shared_ptr<gloo::Context> context);

  // Sends each rank its header, and waits for theirs. Gives the ranks that did not come, either in time or, where their
  // connections have failed, at all.
  std::vector<int> exchange(const std::vector<Header>& mine, size_t inline_bytes, Clock::time_point deadline);
  const Header& of(int rank) const { return received_[static_cast<size_t>(rank)]; }
  bool late() const { return late_; }
  // Ranks whose connection to this one has failed.
  std::vector<int> closed();

 private:
  void expect(int rank);

  std::vector<char> gone_;  // ranks from which nothing can be received any more
  std::shared_ptr<gloo::Context> context_;
  uint64_t sequence_ = 0;
  bool late_ = false;
  std::vector<Header> received_, incoming_, outgoing_;
  std::vector<std::unique_ptr<gloo::transport::UnboundBuffer>> receives_, sends_;
};

}  // namespace flambeau::distributed
