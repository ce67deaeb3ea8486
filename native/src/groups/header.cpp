#include "groups/header.h"

#include <algorithm>

namespace flambeau::distributed {
namespace {

constexpr const char* kKinds[] = {"all_reduce", "reduce",         "broadcast",  "all_gather", "gather",
                                  "scatter",    "reduce_scatter", "all_to_all", "barrier"};
constexpr const char* kOps[] = {"sum", "avg", "product", "min", "max", "band", "bor", "bxor"};

}  // namespace

std::string describe(const Header& header) {
  const auto kind = static_cast<Kind>(header.kind);
  std::string text = kKinds[header.kind % std::size(kKinds)];
  if (kind == Kind::barrier) return text;
  if (kind == Kind::all_reduce || kind == Kind::reduce || kind == Kind::reduce_scatter)
    text += std::string("(") + kOps[header.op % std::size(kOps)] + ")";
  if (header.root >= 0) text += " with rank " + std::to_string(header.root) + " as its root";
  text += std::string(" of ") + name_of(static_cast<DType>(header.dtype % kNumDTypes)) + " [";
  for (int i = 0; i < std::min<int>(header.ndim, kHeaderDims); ++i)
    text += (i ? ", " : "") + std::to_string(header.dims[i]);
  return text + (header.ndim > kHeaderDims ? ", …]" : "]");
}

Header header_of(const Collective& collective) {
  Header header;
  header.kind = static_cast<uint8_t>(collective.kind);
  header.op = static_cast<uint8_t>(collective.op);
  header.dtype = static_cast<uint8_t>(collective.dtype);
  header.root = collective.root;
  header.count = collective.count;
  header.ndim = static_cast<uint8_t>(std::min<size_t>(collective.shape.size(), 255));
  for (size_t i = 0; i < collective.shape.size() && i < kHeaderDims; ++i) header.dims[i] = collective.shape[i];
  // FNV-1a: the same on every machine.
  header.note = 14695981039346656037ULL;
  for (const char c : collective.note) header.note = (header.note ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
  return header;
}

bool same_request(const Header& a, const Header& b) {
  if (a.kind != b.kind) return false;
  const auto kind = static_cast<Kind>(a.kind);
  if (kind == Kind::barrier) return true;
  const bool same = a.op == b.op && a.dtype == b.dtype && a.root == b.root && a.note == b.note;
  // Sizes differ from rank to rank there.
  if (kind == Kind::all_to_all) return same;
  return same && a.count == b.count && a.ndim == b.ndim && std::equal(a.dims, a.dims + kHeaderDims, b.dims);
}

Outcome compare_headers(const std::string& during, const Header& own, int rank, const std::vector<int>& names,
                        const HeaderOf& header_of_rank) {
  for (size_t i = 0; i < names.size(); ++i) {
    const Header& theirs = header_of_rank(static_cast<int>(i));
    if (same_request(theirs, own)) continue;
    const bool noted = describe(theirs) == describe(own);
    return {Failure::mismatch, during + ": expected the same on every rank, got " + describe(own) + " on rank " +
                                   std::to_string(names[static_cast<size_t>(rank)]) + " and " +
                                   (noted ? "the same with other details" : describe(theirs)) + " on rank " +
                                   std::to_string(names[i])};
  }
  return {};
}

Header verdict_of(const Collective& collective, const Header& own, const std::vector<int64_t>& sent) {
  Header verdict = own;
  for (size_t rank = 0; rank < sent.size() && verdict.agreed; ++rank) {
    if (sent[rank] == collective.receive_counts[rank]) continue;
    verdict.agreed = 0;
    verdict.root = static_cast<int32_t>(rank);
    verdict.dims[0] = sent[rank];
    verdict.dims[1] = collective.receive_counts[rank];
  }
  return verdict;
}

Outcome compare_verdicts(const std::string& during, const std::vector<int>& names, const HeaderOf& verdict_of_rank) {
  for (size_t i = 0; i < names.size(); ++i) {
    const Header& theirs = verdict_of_rank(static_cast<int>(i));
    if (theirs.agreed) continue;
    return {Failure::mismatch, during + ": rank " + std::to_string(names[static_cast<size_t>(theirs.root)]) +
                                   " sends " + std::to_string(theirs.dims[0]) + " elements to rank " +
                                   std::to_string(names[i]) + ", which expects " + std::to_string(theirs.dims[1])};
  }
  return {};
}

std::string list_of_ranks(const std::vector<int>& ranks, const std::vector<int>& names) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t i = 0; i < ranks.size(); ++i)
    text += (i == 0                  ? ""
             : i + 1 == ranks.size() ? " and "
                                     : ", ") +
            std::to_string(names[static_cast<size_t>(ranks[i])]);
  return text;
}

}  // namespace flambeau::distributed
