// What every rank says before a collective, and how the ranks are told apart when one is missing or says otherwise.
// Gloo ends the process where two sides of a transfer disagree about its size, so they are compared before anything
// moves.
#pragma once
#include <gloo/context.h>
#include <gloo/transport/unbound_buffer.h>

#include <memory>
#include <string>
#include <vector>

#include "flambeau/distributed.h"

namespace flambeau::distributed {

inline constexpr int kHeaderDims = 8;
// What is small travels with the header, and needs no second message.
inline constexpr size_t kInlineBytes = 1024;

struct Header {
  uint64_t sequence = 0;
  uint8_t kind = 0, op = 0, dtype = 0, ndim = 0;
  int32_t root = -1;
  int64_t count = 0;
  int64_t dims[kHeaderDims] = {};
  uint64_t note = 0;  // of what else must agree
  int64_t agreed = 1;
  char data[kInlineBytes] = {};
};

// Whether Gloo's exception says that time was up; it has then closed all connections.
bool is_timeout(const std::string& what);

// "all_reduce(sum) of float32 [2, 3]"
std::string describe(const Header& header);
Header header_of(const Collective& collective);
bool same_request(const Header& a, const Header& b);

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
