#include "gloo/group.h"

#include <gloo/allgather.h>
#include <gloo/allreduce.h>
#include <gloo/alltoallv.h>
#include <gloo/broadcast.h>
#include <gloo/gather.h>
#include <gloo/reduce.h>
#include <gloo/scatter.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "flambeau/visit_size.h"

namespace flambeau::distributed {
namespace {

// How long a rank waits for word of the others once something failed.
constexpr Milliseconds kWordWait{1000};
// Nobody sends anything there.
constexpr uint64_t kNeverSlot = 0x43ULL << 56;

size_t bytes_of(const Collective& c, int64_t count) { return static_cast<size_t>(count) * size_of(c.dtype); }

// What travels with the headers; 0 where that is not all.
size_t inline_bytes_of(const Collective& c) {
  if (c.kind != Kind::all_reduce && c.kind != Kind::all_gather) return 0;
  const size_t bytes = bytes_of(c, c.count);
  return bytes <= kInlineBytes ? bytes : 0;
}

// Gloo's algorithms know elements by their size alone.
template <typename Options>
void set_common(Options& options, uint32_t tag, Milliseconds timeout) {
  options.setTag(tag);
  options.setTimeout(timeout);
}

}  // namespace

GlooGroup::GlooGroup(const GroupOptions& options, std::unique_ptr<Store> store, std::shared_ptr<gloo::Context> context)
    : context_(std::move(context)),
      store_(std::move(store)),
      prefix_(options.prefix),
      names_(options.names),
      headers_(context_) {
  // It is asked when something has failed, which must not take long.
  store_->limit(kWordWait);
}

// Closing connections leaves those that wait on them waiting; a receive that is late makes all of them fail.
void GlooGroup::abort() {
  char nothing = 0;
  for (int rank = 0; rank < context_->size; ++rank) {
    if (rank == context_->rank) continue;
    try {
      const auto buffer = context_->createUnboundBuffer(&nothing, 1);
      buffer->recv(rank, kNeverSlot);
      buffer->waitRecv(Milliseconds(1));
    } catch (const std::exception&) {
      // Meant to.
    }
  }
  try {
    context_->closeConnections();
  } catch (const std::exception&) {
    // They are closed either way.
  }
}

void GlooGroup::close() {
  if (closed_.exchange(true)) return;
  abort();
  store_->close();
}

std::string GlooGroup::word_of(int rank) {
  bool there = false;
  std::string word;
  if (store_->check({key_of(rank)}, there).ok() && there) store_->get(key_of(rank), kWordWait, word);
  return word;
}

Outcome GlooGroup::explain(const std::string& during, const std::string& what, bool timed_out,
                           std::vector<int> suspects) {
  const std::lock_guard lock(broken_mutex_);
  if (!broken_.ok()) return broken_;
  if (closed_) return broken_ = {Failure::connection, during + ": the process group was destroyed meanwhile"};
  if (suspects.empty() && !timed_out) suspects = headers_.closed();
  std::string reason;
  if (timed_out && suspects.empty()) {
    // Nobody's connection is closed. Whoever can still be reached says so in the store; the others are cut off.
    const std::string own = during + ": " + what;
    const bool told = store_->set(key_of(context_->rank), own).ok();
    const auto until = Clock::now() + kWordWait;
    do {
      suspects.clear();
      for (int rank = 0; rank < context_->size && told; ++rank)
        if (rank != context_->rank && word_of(rank).empty()) suspects.push_back(rank);
      if (!suspects.empty()) std::this_thread::sleep_for(Milliseconds(50));
    } while (!suspects.empty() && Clock::now() < until);
    reason = what;
    if (!told)
      reason += "; the store cannot be reached either, so that this process may be the one that is cut off";
    else if (!suspects.empty())
      reason += "; nothing was heard of " + ranks(suspects);
  } else {
    std::vector<int> silent;
    std::string word;
    for (const int rank : suspects) {
      const std::string said = word_of(rank);
      if (said.empty())
        silent.push_back(rank);
      else if (word.empty())
        word = "rank " + name_of_rank(rank) + " left the group (" + said + ")";
    }
    if (!silent.empty()) {
      reason = timed_out ? ranks(silent) + " did not come (" + what + ")"
                         : ranks(silent) + (silent.size() == 1 ? " is gone" : " are gone") +
                               ": the process ended or its connection broke";
    } else {
      reason = word.empty() ? what : word;
    }
  }
  broken_ = {timed_out ? Failure::timeout : Failure::connection, during + ": " + reason};
  // Before the connections close, so that whoever sees them closed can read why.
  store_->set(key_of(context_->rank), broken_.message);
  abort();
  return broken_;
}

Outcome GlooGroup::missing_ranks(const std::vector<int>& missing, const std::string& during, Milliseconds timeout) {
  return explain(during, "within " + std::to_string(timeout.count()) + " ms", headers_.late(), missing);
}

Outcome GlooGroup::compare(const Collective& collective, const std::string& during, Clock::time_point deadline) {
  const auto size = static_cast<size_t>(context_->size);
  std::vector<Header> mine(size, header_of(collective));
  if (collective.kind == Kind::all_to_all)
    for (size_t i = 0; i < size; ++i) mine[i].count = collective.send_counts[i];
  const size_t inline_bytes = inline_bytes_of(collective);
  if (inline_bytes > 0) {
    alignas(16) char data[kInlineBytes];
    std::memcpy(data, collective.data, inline_bytes);
    if (collective.op == ReduceOp::avg && collective.kind == Kind::all_reduce)
      scale(collective.dtype, data, 1.0 / context_->size, static_cast<size_t>(collective.count));
    for (Header& header : mine) std::memcpy(header.data, data, inline_bytes);
  }
  const auto missing = headers_.exchange(mine, inline_bytes, deadline);
  if (!missing.empty()) return missing_ranks(missing, during, collective.timeout);
  // The group goes on: nothing has been sent yet, and every rank sees the same.
  const Header& own = mine[static_cast<size_t>(context_->rank)];
  const auto theirs = [this](int rank) -> const Header& { return headers_.of(rank); };
  if (Outcome outcome = compare_headers(during, own, context_->rank, names_, theirs); !outcome.ok()) return outcome;
  return collective.kind == Kind::all_to_all ? compare_counts(collective, own, during, deadline) : Outcome{};
}

Outcome GlooGroup::compare_counts(const Collective& collective, const Header& own, const std::string& during,
                                  Clock::time_point deadline) {
  std::vector<int64_t> sent;
  for (int rank = 0; rank < context_->size; ++rank)
    sent.push_back(rank == context_->rank ? collective.send_counts[static_cast<size_t>(rank)]
                                          : headers_.of(rank).count);
  const std::vector<Header> mine(static_cast<size_t>(context_->size), verdict_of(collective, own, sent));
  const auto missing = headers_.exchange(mine, 0, deadline);
  if (!missing.empty()) return missing_ranks(missing, during, collective.timeout);
  return compare_verdicts(during, names_, [this](int rank) -> const Header& { return headers_.of(rank); });
}

Outcome GlooGroup::run(const Collective& collective) {
  const std::string during = describe(header_of(collective));
  {
    const std::lock_guard lock(broken_mutex_);
    if (!broken_.ok()) return {broken_.failure, during + ": the group failed before (" + broken_.message + ")"};
  }
  if (closed_) return {Failure::connection, during + ": the process group is destroyed"};
  const auto deadline = Clock::now() + collective.timeout;
  if (Outcome outcome = compare(collective, during, deadline); !outcome.ok()) return outcome;
  ++tag_;
  if (inline_bytes_of(collective) > 0) {
    finish_inline(collective);
    return {};
  }
  try {
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - Clock::now());
    execute(collective, std::max(left, Milliseconds(1)));
    return {};
  } catch (const std::exception& error) {
    const bool timed_out = is_timeout(error.what());
    const std::string what =
        timed_out ? "not done within " + std::to_string(collective.timeout.count()) + " ms" : std::string(error.what());
    return explain(during, what, timed_out, {});
  }
}

// Every rank has everyone's values, and combines them in the order of the ranks.
void GlooGroup::finish_inline(const Collective& c) {
  const size_t bytes = inline_bytes_of(c);
  const Combine combine = c.kind == Kind::all_reduce ? combine_of(c.op, c.dtype) : nullptr;
  for (int rank = 0; rank < context_->size; ++rank) {
    const char* theirs = headers_.of(rank).data;
    if (!combine)
      std::memcpy(static_cast<char*>(c.output) + static_cast<size_t>(rank) * bytes, theirs, bytes);
    else if (rank == 0)
      std::memcpy(c.data, theirs, bytes);
    else
      combine(c.data, c.data, theirs, static_cast<size_t>(c.count));
  }
}

void GlooGroup::execute(const Collective& c, Milliseconds timeout) {
  // Who has everyone's header knows that everyone has come.
  if (c.kind == Kind::barrier || (c.count == 0 && c.kind != Kind::all_to_all)) return;
  const auto count = static_cast<size_t>(c.count);
  if (c.kind == Kind::all_reduce || c.kind == Kind::reduce || c.kind == Kind::reduce_scatter) {
    // Before the sum, so that 16-bit floats do not overflow.
    const size_t all = c.kind == Kind::reduce_scatter ? count * static_cast<size_t>(context_->size) : count;
    if (c.op == ReduceOp::avg) scale(c.dtype, c.data, 1.0 / context_->size, all);
    if (c.kind == Kind::reduce_scatter) return reduce_scatter(c, timeout);
  }
  const auto reduce = [combine = combine_of(c.op, c.dtype)](void* out, const void* a, const void* b, size_t n) {
    combine(out, a, b, n);
  };
  visit_size(size_of(c.dtype), [&]<typename T>() {
    T *data = static_cast<T*>(c.data), *output = static_cast<T*>(c.output);
    const size_t all = count * static_cast<size_t>(context_->size);
    switch (c.kind) {
      case Kind::all_reduce: {
        gloo::AllreduceOptions options(context_);
        options.setOutput(data, count);
        options.setReduceFunction(reduce);
        set_common(options, tag_, timeout);
        return gloo::allreduce(options);
      }
      case Kind::reduce: {
        // Gloo leaves partial sums where the ranks other than the root have their values.
        std::vector<T> partial(context_->rank == c.root ? 0 : count);
        gloo::ReduceOptions options(context_);
        options.setInput(data, count);
        options.setOutput(partial.empty() ? data : partial.data(), count);
        options.setReduceFunction(reduce);
        options.setRoot(c.root);
        set_common(options, tag_, timeout);
        return gloo::reduce(options);
      }
      case Kind::broadcast: {
        gloo::BroadcastOptions options(context_);
        options.setOutput(data, count);
        options.setRoot(c.root);
        set_common(options, tag_, timeout);
        return gloo::broadcast(options);
      }
      case Kind::all_gather: {
        gloo::AllgatherOptions options(context_);
        options.setInput(data, count);
        options.setOutput(output, all);
        set_common(options, tag_, timeout);
        return gloo::allgather(options);
      }
      case Kind::gather: {
        gloo::GatherOptions options(context_);
        options.setInput(data, count);
        if (context_->rank == c.root) options.setOutput(output, all);
        options.setRoot(c.root);
        set_common(options, tag_, timeout);
        return gloo::gather(options);
      }
      case Kind::scatter: {
        gloo::ScatterOptions options(context_);
        std::vector<T*> parts;
        for (int rank = 0; rank < context_->size && context_->rank == c.root; ++rank)
          parts.push_back(data + static_cast<size_t>(rank) * count);
        if (!parts.empty()) options.setInputs(parts, count);
        options.setOutput(output, count);
        options.setRoot(c.root);
        set_common(options, tag_, timeout);
        return gloo::scatter(options);
      }
      case Kind::all_to_all: {
        gloo::AlltoallvOptions options(context_);
        options.setInput(data, c.send_counts);
        options.setOutput(output, c.receive_counts);
        set_common(options, tag_, timeout);
        return gloo::alltoallv(options);
      }
      case Kind::barrier:
      case Kind::reduce_scatter:
        return;
    }
  });
}

// Each rank is sent its part by every other, and adds them up by rank, so that the result does not depend on who was
// first. As little is sent as can be.
void GlooGroup::reduce_scatter(const Collective& c, Milliseconds timeout) {
  const size_t part = bytes_of(c, c.count);
  std::vector<char> parts(part * static_cast<size_t>(context_->size));
  const std::vector<int64_t> counts(static_cast<size_t>(context_->size), static_cast<int64_t>(part));
  gloo::AlltoallvOptions options(context_);
  options.setInput(static_cast<char*>(c.data), counts);
  options.setOutput(parts.data(), counts);
  set_common(options, tag_, timeout);
  gloo::alltoallv(options);
  const Combine combine = combine_of(c.op, c.dtype);
  std::memcpy(c.output, parts.data(), part);
  for (size_t rank = 1; rank < static_cast<size_t>(context_->size); ++rank)
    combine(c.output, c.output, parts.data() + rank * part, static_cast<size_t>(c.count));
}

}  // namespace flambeau::distributed
