#include "nccl/group.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "nccl/types.h"

namespace flambeau::distributed {
namespace {

// How long a rank waits for word of the others once something failed.
constexpr Milliseconds kWordWait{1000};
// How often a rank that waits looks whether another has failed.
constexpr Milliseconds kWordInterval{500};
// How long ranks wait for each other at the end.
constexpr Milliseconds kCloseWait{2000};
// For so long a rank that waits looks as often as it may, and then now and then.
constexpr Milliseconds kEager{20};
constexpr std::chrono::microseconds kPause{50};
// What a header says without what could travel with it.
constexpr size_t kHeaderBytes = offsetof(Header, data);

// Whether the ranks can go on together after it.
bool harmless(const Outcome& outcome) {
  return outcome.ok() || outcome.failure == Failure::mismatch || outcome.failure == Failure::argument;
}

bool reduces(Kind kind) { return kind == Kind::all_reduce || kind == Kind::reduce || kind == Kind::reduce_scatter; }

}  // namespace

NcclGroup::NcclGroup(const GroupOptions& options, const nccl::Functions& functions, std::shared_ptr<NcclDevice> device,
                     std::unique_ptr<Store> store)
    : functions_(functions),
      device_(std::move(device)),
      store_(std::move(store)),
      prefix_(options.prefix + "nccl/"),
      names_(options.names),
      rank_(options.rank) {}

Outcome NcclGroup::open(const GroupOptions& options, const nccl::Functions& functions,
                        std::shared_ptr<NcclDevice> device, std::unique_ptr<Group>& group) {
  std::unique_ptr<Store> store;
  if (Outcome outcome = options.store->clone(store); !outcome.ok()) return outcome;
  std::unique_ptr<NcclQueue> queue = device->make_queue();
  if (!queue) return {Failure::connection, "the device has no further stream"};
  std::unique_ptr<NcclGroup> made(new NcclGroup(options, functions, std::move(device), std::move(store)));
  made->communicator_ = std::make_unique<Communicator>(functions, std::move(queue));
  const Watch watch{"the ranks could not be connected", Clock::now() + options.timeout, options.timeout};
  if (Outcome outcome = made->connect(*made->communicator_, "id", made->size(), made->rank_, watch); !outcome.ok())
    return outcome;
  // All that is ever needed: memory that is made or given back later may wait for the device, and so for other ranks.
  const std::string wrong = made->make_room(std::max(kHeaderBytes, 2 * sizeof(int64_t) * made->names_.size()));
  if (!wrong.empty()) return {Failure::connection, wrong};
  // It is asked when something has failed, which must not take long.
  made->store_->limit(kWordWait);
  group = std::move(made);
  return {};
}

void NcclGroup::close() {
  if (closed_.exchange(true)) return;
  // Who waits sees it, and gives up.
  const auto until = Clock::now() + kCloseWait;
  while (under_way_ > 0 && Clock::now() < until) std::this_thread::sleep_for(Milliseconds(1));
  const bool whole = broken().ok();
  const auto end = [&](Communicator* communicator) {
    if (!communicator) return;
    if (whole)
      communicator->finish(until);
    else
      communicator->stop();
  };
  end(communicator_.get());
  const std::lock_guard lock(channels_mutex_);
  for (auto& [_, channel] : channels_) end(channel.communicator.get());
  store_->close();
}

Outcome NcclGroup::broken() {
  const std::lock_guard lock(broken_mutex_);
  return broken_;
}

Outcome NcclGroup::usable(const std::string& during) {
  if (closed_) return {Failure::connection, during + ": the process group is destroyed"};
  const Outcome before = broken();
  return before.ok() ? before : Outcome{before.failure, during + ": the group failed before (" + before.message + ")"};
}

std::string NcclGroup::word_of(int rank) {
  bool there = false;
  std::string word;
  if (store_->check({key_of(rank)}, there).ok() && there) store_->get(key_of(rank), kWordWait, word);
  return word;
}

bool NcclGroup::somebody_failed() {
  bool there = false;
  return store_->check({prefix_ + "failed"}, there).ok() && there;
}

// NCCL says what went wrong, and rarely with whom: a rank that failed first has left word.
Outcome NcclGroup::failed(const Watch& watch, const std::string& what) {
  const std::lock_guard lock(broken_mutex_);
  if (!broken_.ok()) return {broken_.failure, watch.during + ": the group failed meanwhile (" + broken_.message + ")"};
  std::string word;
  const auto until = Clock::now() + kWordWait;
  do {
    for (int rank = 0; rank < size() && word.empty(); ++rank) {
      if (rank == rank_) continue;
      const std::string said = word_of(rank);
      if (!said.empty()) word = "rank " + name_of_rank(rank) + " left the group (" + said + ")";
    }
    if (word.empty() && size() > 1) std::this_thread::sleep_for(Milliseconds(50));
  } while (word.empty() && size() > 1 && Clock::now() < until);
  broken_ = {Failure::connection, watch.during + ": " + (word.empty() ? what : word)};
  store_->set(key_of(rank_), broken_.message);
  store_->set(prefix_ + "failed", "1");
  return broken_;
}

// NCCL does not tell who is late. Whoever has waited leaves word in the store; the others are the late ones.
Outcome NcclGroup::timed_out(const Watch& watch) {
  const std::lock_guard lock(broken_mutex_);
  if (!broken_.ok()) return {broken_.failure, watch.during + ": the group failed meanwhile (" + broken_.message + ")"};
  const std::string within = "within " + std::to_string(watch.timeout.count()) + " ms";
  const bool told = store_->set(key_of(rank_), watch.during + ": not done " + within).ok();
  std::vector<int> silent;
  const auto until = Clock::now() + kWordWait;
  do {
    silent.clear();
    for (int rank = 0; rank < size() && told; ++rank)
      if (rank != rank_ && word_of(rank).empty()) silent.push_back(rank);
    if (!silent.empty()) std::this_thread::sleep_for(Milliseconds(50));
  } while (!silent.empty() && Clock::now() < until);
  std::string what =
      silent.empty() ? "not done " + within : list_of_ranks(silent, names_) + " did not come (" + within + ")";
  if (!told) what += "; the store cannot be reached either, so that this process may be the one that is cut off";
  broken_ = {Failure::timeout, watch.during + ": " + what};
  store_->set(key_of(rank_), broken_.message);
  store_->set(prefix_ + "failed", "1");
  return broken_;
}

Outcome NcclGroup::poll(const Watch& watch, const Look& look) {
  auto now = Clock::now();
  const auto eager_until = now + kEager;
  auto next_word = now + kWordInterval;
  for (;;) {
    if (closed_) return {Failure::connection, watch.during + ": the process group was destroyed meanwhile"};
    if (const Outcome before = broken(); !before.ok())
      return {before.failure, watch.during + ": the group failed meanwhile (" + before.message + ")"};
    std::string wrong;
    if (look(wrong)) return {};
    if (!wrong.empty()) return failed(watch, wrong);
    now = Clock::now();
    if (now >= watch.deadline) return timed_out(watch);
    if (now >= next_word) {
      next_word = now + kWordInterval;
      if (somebody_failed()) return failed(watch, "another rank failed");
    }
    if (now < eager_until)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(kPause);
  }
}

Outcome NcclGroup::launch(Communicator& communicator, const Watch& watch, const Communicator::Calls& calls) {
  int result = communicator.launch(calls);
  return poll(watch, [&](std::string& wrong) {
    if (result == nccl::kInProgress) result = communicator.state();
    if (result != nccl::kSuccess && result != nccl::kInProgress) wrong = communicator.text_of(result);
    return result == nccl::kSuccess;
  });
}

Outcome NcclGroup::complete(Communicator& communicator, const Watch& watch) {
  NcclQueue& queue = communicator.queue();
  if (!queue.end()) return failed(watch, queue.error());
  return poll(watch, [&](std::string& wrong) {
    switch (queue.progress()) {
      case NcclQueue::Progress::done:
        return true;
      case NcclQueue::Progress::failed:
        wrong = queue.error();
        return false;
      case NcclQueue::Progress::pending:
        break;
    }
    const int state = communicator.state();
    if (state != nccl::kSuccess && state != nccl::kInProgress) wrong = communicator.text_of(state);
    return false;
  });
}

// The first of the ranks makes an identity, which the others find in the store.
Outcome NcclGroup::connect(Communicator& communicator, const std::string& key, int ranks, int rank,
                           const Watch& watch) {
  NcclQueue& queue = communicator.queue();
  if (!queue.enter()) return failed(watch, queue.error());
  nccl::UniqueId id;
  const std::string at = prefix_ + key;
  if (rank == 0) {
    if (const int result = functions_.get_unique_id(&id); result != nccl::kSuccess)
      return failed(watch, communicator.text_of(result));
    const Outcome outcome = store_->set(at, std::string(id.internal, sizeof id.internal));
    if (!outcome.ok()) return failed(watch, outcome.message);
  } else {
    std::string found;
    Outcome outcome = poll(watch, [&](std::string& wrong) {
      bool there = false;
      Outcome asked = store_->check({at}, there);
      if (asked.ok() && there) asked = store_->get(at, kWordWait, found);
      if (!asked.ok()) wrong = asked.message;
      if (asked.ok() && !there) std::this_thread::sleep_for(Milliseconds(5));
      return asked.ok() && there;
    });
    if (!outcome.ok()) return outcome;
    if (found.size() != sizeof id.internal) return failed(watch, "the store holds no identity of NCCL's under " + at);
    std::memcpy(id.internal, found.data(), sizeof id.internal);
  }
  int result = communicator.connect(ranks, id, rank);
  return poll(watch, [&](std::string& wrong) {
    if (result == nccl::kInProgress) result = communicator.state();
    if (result != nccl::kSuccess && result != nccl::kInProgress) wrong = communicator.text_of(result);
    return result == nccl::kSuccess;
  });
}

// Room for so many bytes of each rank, and once more; says what went wrong.
std::string NcclGroup::make_room(size_t nbytes) {
  const size_t all = nbytes * (names_.size() + 1);
  said_ = device_->memory(all);
  all_ = device_->host_memory(all);
  return said_ && all_ ? "" : "no memory for what the ranks say to each other (" + std::to_string(all) + " bytes)";
}

Outcome NcclGroup::exchange(const void* own, size_t nbytes, const Watch& watch) {
  NcclQueue& queue = communicator_->queue();
  if (!queue.enter()) return failed(watch, queue.error());
  const size_t all = nbytes * names_.size();
  char *device = static_cast<char*>(said_->data()), *host = static_cast<char*>(all_->data());
  std::memcpy(host + all, own, nbytes);
  if (!queue.copy_in(device + all, host + all, nbytes)) return failed(watch, queue.error());
  Outcome outcome = launch(*communicator_, watch, [&](nccl::Comm comm, nccl::Stream stream) {
    return functions_.all_gather(device + all, device, nbytes, nccl::kInt8, comm, stream);
  });
  if (!outcome.ok()) return outcome;
  if (!queue.copy_out(host, device, all)) return failed(watch, queue.error());
  return complete(*communicator_, watch);
}

Outcome NcclGroup::compare(const Collective& c, const Watch& watch) {
  const Header own = header_of(c);
  Outcome outcome = exchange(&own, kHeaderBytes, watch);
  if (!outcome.ok()) return outcome;
  Header theirs;
  outcome = compare_headers(watch.during, own, rank_, names_, [&](int rank) -> const Header& {
    std::memcpy(static_cast<void*>(&theirs),
                static_cast<char*>(all_->data()) + kHeaderBytes * static_cast<size_t>(rank), kHeaderBytes);
    return theirs;
  });
  return outcome.ok() && c.kind == Kind::all_to_all ? compare_counts(c, own, watch) : outcome;
}

// Everyone hears how much each sends to each, and how much each expects, and so sees the same.
Outcome NcclGroup::compare_counts(const Collective& c, const Header& own, const Watch& watch) {
  const size_t ranks = names_.size();
  std::vector<int64_t> counts(c.send_counts);
  counts.insert(counts.end(), c.receive_counts.begin(), c.receive_counts.end());
  if (Outcome outcome = exchange(counts.data(), counts.size() * sizeof(int64_t), watch); !outcome.ok()) return outcome;
  // A row for each rank: what it sends, and what it expects.
  std::vector<int64_t> all(2 * ranks * ranks);
  std::memcpy(all.data(), all_->data(), all.size() * sizeof(int64_t));
  std::vector<Header> verdicts;
  for (size_t to = 0; to < ranks; ++to) {
    Collective theirs;
    const int64_t* expected = all.data() + to * 2 * ranks + ranks;
    theirs.receive_counts.assign(expected, expected + ranks);
    std::vector<int64_t> sent;
    for (size_t from = 0; from < ranks; ++from) sent.push_back(all[from * 2 * ranks + to]);
    verdicts.push_back(verdict_of(theirs, own, sent));
  }
  return compare_verdicts(watch.during, names_,
                          [&](int rank) -> const Header& { return verdicts[static_cast<size_t>(rank)]; });
}

Outcome NcclGroup::run(const Collective& c) {
  const Watch watch{describe(header_of(c)), Clock::now() + c.timeout, c.timeout};
  if (const Outcome outcome = usable(watch.during); !outcome.ok()) return outcome;
  const UnderWay here(under_way_);
  Outcome outcome = compare(c, watch);
  if (outcome.ok()) outcome = collective(c, watch);
  // The tensors are given back: nothing may write to them any more.
  if (!harmless(outcome)) communicator_->stop();
  return outcome;
}

Outcome NcclGroup::collective(const Collective& c, const Watch& watch) {
  if (c.count == 0 && c.kind != Kind::barrier && c.kind != Kind::all_to_all) return {};
  Elements elements = bytes_of(c.dtype);
  std::string reason;
  if (reduces(c.kind) && !elements_of(c.dtype, c.op, elements, reason))
    return {Failure::argument, watch.during + ": " + reason};
  NcclQueue& queue = communicator_->queue();
  const Mark mark = c.mark ? c.mark : device_->mark();
  if (!mark) return failed(watch, "the device's stream could not be marked");
  if (!queue.follow(mark)) return failed(watch, queue.error());
  const Outcome outcome = launch(*communicator_, watch, [&](nccl::Comm comm, nccl::Stream stream) {
    return call(c, elements.type, elements.op, elements.parts, comm, stream);
  });
  return outcome.ok() ? complete(*communicator_, watch) : outcome;
}

int NcclGroup::call(const Collective& c, int type, int op, size_t parts, nccl::Comm comm, nccl::Stream stream) const {
  const size_t count = static_cast<size_t>(c.count) * parts;
  const size_t part = static_cast<size_t>(c.count) * size_of(c.dtype);  // bytes
  char *data = static_cast<char*>(c.data), *output = static_cast<char*>(c.output);
  int result = nccl::kSuccess;
  const auto going = [&] { return result == nccl::kSuccess || result == nccl::kInProgress; };
  const auto send = [&](const char* from, size_t n, int to) {
    if (going() && n > 0) result = functions_.send(from, n, type, to, comm, stream);
  };
  const auto receive = [&](char* to, size_t n, int from) {
    if (going() && n > 0) result = functions_.receive(to, n, type, from, comm, stream);
  };
  switch (c.kind) {
    case Kind::all_reduce:
      return functions_.all_reduce(data, data, count, type, op, comm, stream);
    case Kind::reduce:
      return functions_.reduce(data, data, count, type, op, c.root, comm, stream);
    case Kind::broadcast:
      return functions_.broadcast(data, data, count, type, c.root, comm, stream);
    case Kind::all_gather:
      return functions_.all_gather(data, output, count, type, comm, stream);
    case Kind::reduce_scatter:
      return functions_.reduce_scatter(data, output, count, type, op, comm, stream);
    case Kind::gather:
      if (rank_ == c.root)
        for (int rank = 0; rank < size(); ++rank) receive(output + static_cast<size_t>(rank) * part, count, rank);
      send(data, count, c.root);
      return result;
    case Kind::scatter:
      if (rank_ == c.root)
        for (int rank = 0; rank < size(); ++rank) send(data + static_cast<size_t>(rank) * part, count, rank);
      receive(output, count, c.root);
      return result;
    case Kind::all_to_all:
      for (int rank = 0; rank < size(); ++rank) {
        const size_t out = static_cast<size_t>(c.send_counts[static_cast<size_t>(rank)]) * parts;
        const size_t in = static_cast<size_t>(c.receive_counts[static_cast<size_t>(rank)]) * parts;
        send(data, out, rank);
        receive(output, in, rank);
        data += out;  // parts are bytes there
        output += in;
      }
      return result;
    case Kind::barrier:
      break;
  }
  return result;
}

NcclGroup::Channel& NcclGroup::channel(int peer, bool sends) {
  const std::lock_guard lock(channels_mutex_);
  return channels_[{peer, sends}];
}

}  // namespace flambeau::distributed
