// What every rank says before a collective. Engines end the process, or wait for ever, where two sides of a transfer
// disagree about its size, so the ranks compare before anything moves.
#pragma once
#include <functional>
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

// "all_reduce(sum) of float32 [2, 3]"
std::string describe(const Header& header);
Header header_of(const Collective& collective);
bool same_request(const Header& a, const Header& b);

using HeaderOf = std::function<const Header&(int rank)>;
// Whether all ranks ask for what this one does; `names` are what the ranks are called.
Outcome compare_headers(const std::string& during, const Header& own, int rank, const std::vector<int>& names,
                        const HeaderOf& header_of_rank);

// all_to_all: only the receiver of a part knows what it expects, so that everyone hears of everyone's verdict.
Header verdict_of(const Collective& collective, const Header& own, const std::vector<int64_t>& sent);
Outcome compare_verdicts(const std::string& during, const std::vector<int>& names, const HeaderOf& verdict_of_rank);

// "rank 2", "ranks 1 and 2"
std::string list_of_ranks(const std::vector<int>& ranks, const std::vector<int>& names);

}  // namespace flambeau::distributed
