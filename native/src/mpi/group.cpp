#include "mpi/group.h"

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstring>
#include <thread>

#include "groups/reduction.h"

namespace flambeau::distributed {
namespace {

// How long a rank waits for word of the others once time is up.
constexpr Milliseconds kWordWait{1000};
// For so long a rank that waits looks as often as it may, and then now and then.
constexpr Milliseconds kEager{1000};
constexpr std::chrono::microseconds kPause{200};
constexpr size_t kHeaderBytes = offsetof(Header, data);

// A number that the members of a group share, and members of another one made at the same time hardly have.
int number_of(const std::string& prefix) {
  uint32_t hash = 2166136261U;
  for (const char c : prefix) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619U;
  return static_cast<int>(hash % 32767);
}

// MPI counts elements in 31 bits.
bool countable(const Collective& c, int size) {
  if (c.count > INT_MAX) return false;
  if (c.kind != Kind::all_to_all) return true;
  int64_t sent = 0, received = 0;
  for (int rank = 0; rank < size; ++rank) {
    sent += c.send_counts[static_cast<size_t>(rank)];
    received += c.receive_counts[static_cast<size_t>(rank)];
  }
  return sent <= INT_MAX && received <= INT_MAX;
}

std::vector<int> places_of(const std::vector<int>& counts) {
  std::vector<int> places;
  int at = 0;
  for (const int count : counts) {
    places.push_back(at);
    at += count;
  }
  return places;
}

}  // namespace

Outcome MpiGroup::open(const GroupOptions& options, std::unique_ptr<Group>& group) {
  if (Outcome outcome = start_mpi(); !outcome.ok()) return outcome;
  std::unique_ptr<Store> store;
  if (Outcome outcome = options.store->clone(store); !outcome.ok()) return outcome;
  store->limit(kWordWait);
  std::unique_ptr<MpiGroup> made(new MpiGroup(options, std::move(store)));
  const std::lock_guard lock(mpi_mutex());
  int rank = 0, size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  const int name = options.names[static_cast<size_t>(options.rank)];
  const int last = *std::max_element(options.names.begin(), options.names.end());
  if (name != rank || last >= size)
    return {Failure::argument, "MPI has this process as rank " + std::to_string(rank) + " of " + std::to_string(size) +
                                   ", expected rank " + std::to_string(name) + " of at least " +
                                   std::to_string(last + 1) + "; start the processes with mpirun"};
  MPI_Group world = MPI_GROUP_NULL, members = MPI_GROUP_NULL;
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_group(MPI_COMM_WORLD, &world);
  MPI_Group_incl(world, static_cast<int>(options.names.size()), options.names.data(), &members);
  int error = MPI_Comm_create_group(MPI_COMM_WORLD, members, number_of(options.prefix), &made->collectives_);
  for (MPI_Comm* copy : {&made->prefaces_, &made->payloads_})
    if (error == MPI_SUCCESS) error = MPI_Comm_dup(made->collectives_, copy);
  MPI_Group_free(&members);
  MPI_Group_free(&world);
  if (error != MPI_SUCCESS) return {Failure::connection, "MPI made no communicator of the group"};
  for (const MPI_Comm one : {made->collectives_, made->prefaces_, made->payloads_})
    MPI_Comm_set_errhandler(one, MPI_ERRORS_RETURN);
  made->headers_.resize(kHeaderBytes * options.names.size());
  group = std::move(made);
  return {};
}

void MpiGroup::close() {
  if (closed_.exchange(true)) return;
  // Who looks after a call sees it, and gives up.
  if (under_way_ > 0) abandon_mpi({Failure::connection, "a process group was destroyed while it was used"});
  store_->close();
}

Outcome MpiGroup::failed(const std::string& during, int error) {
  Outcome outcome{Failure::connection, during + ": " + text_of_error(error)};
  abandon_mpi(outcome);
  return outcome;
}

Outcome MpiGroup::begin(const std::string& during, const std::function<int()>& call) {
  if (closed_) return {Failure::connection, during + ": the process group is destroyed"};
  if (const Outcome before = abandoned_mpi(); !before.ok())
    return {before.failure, during + ": the group failed before (" + before.message + ")"};
  int error = MPI_SUCCESS;
  {
    const std::lock_guard lock(mpi_mutex());
    error = call();
  }
  return error == MPI_SUCCESS ? Outcome{} : failed(during, error);
}

Outcome MpiGroup::finish(const std::string& during, MPI_Request& request, MPI_Status* status,
                         Clock::time_point deadline, Milliseconds timeout) {
  struct UnderWay {
    std::atomic<int>& count;
    explicit UnderWay(std::atomic<int>& c) : count(c) { ++count; }
    ~UnderWay() { --count; }
  } here(under_way_);
  const auto eager_until = Clock::now() + kEager;
  for (;;) {
    if (closed_) {
      abandon_mpi({Failure::connection, "a process group was destroyed while it was used"});
      return {Failure::connection, during + ": the process group was destroyed meanwhile"};
    }
    if (const Outcome before = abandoned_mpi(); !before.ok())
      return {before.failure, during + ": the group failed meanwhile (" + before.message + ")"};
    int done = 0, error = MPI_SUCCESS;
    {
      const std::lock_guard lock(mpi_mutex());
      error = MPI_Test(&request, &done, status);
    }
    if (error != MPI_SUCCESS) return failed(during, error);
    if (done) return {};
    const auto now = Clock::now();
    if (now >= deadline) return timed_out(during, timeout);
    if (now < eager_until)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(kPause);
  }
}

// MPI does not tell who is late. Whoever has waited leaves word in the store; the others are the late ones.
Outcome MpiGroup::timed_out(const std::string& during, Milliseconds timeout) {
  const std::string within = "within " + std::to_string(timeout.count()) + " ms";
  const auto key = [this](int rank) { return prefix_ + "failed/" + std::to_string(rank); };
  const bool told = store_->set(key(rank_), within).ok();
  std::vector<int> silent;
  const auto until = Clock::now() + kWordWait;
  do {
    silent.clear();
    for (int rank = 0; rank < size() && told; ++rank) {
      bool there = false;
      if (rank != rank_ && !(store_->check({key(rank)}, there).ok() && there)) silent.push_back(rank);
    }
    if (!silent.empty()) std::this_thread::sleep_for(Milliseconds(50));
  } while (!silent.empty() && Clock::now() < until);
  Outcome outcome{
      Failure::timeout,
      during + ": " +
          (silent.empty() ? "not done " + within : list_of_ranks(silent, names_) + " did not come (" + within + ")")};
  abandon_mpi(outcome);
  return outcome;
}

Outcome MpiGroup::exchange(const Header& mine, const std::string& during, Clock::time_point deadline,
                           Milliseconds timeout) {
  MPI_Request request = MPI_REQUEST_NULL;
  const int bytes = static_cast<int>(kHeaderBytes);
  Outcome outcome = begin(during, [&] {
    return MPI_Iallgather(&mine, bytes, MPI_BYTE, headers_.data(), bytes, MPI_BYTE, collectives_, &request);
  });
  return outcome.ok() ? finish(during, request, MPI_STATUS_IGNORE, deadline, timeout) : outcome;
}

Outcome MpiGroup::compare(const Collective& c, const std::string& during, Clock::time_point deadline) {
  const Header mine = header_of(c);
  Header theirs;
  const auto header_of_rank = [&](int rank) -> const Header& {
    std::memcpy(static_cast<void*>(&theirs), headers_.data() + kHeaderBytes * static_cast<size_t>(rank), kHeaderBytes);
    return theirs;
  };
  Outcome outcome = exchange(mine, during, deadline, c.timeout);
  if (outcome.ok()) outcome = compare_headers(during, mine, rank_, names_, header_of_rank);
  if (!outcome.ok() || c.kind != Kind::all_to_all) return outcome;
  std::vector<int64_t> sent(names_.size());
  MPI_Request request = MPI_REQUEST_NULL;
  outcome = begin(during, [&] {
    return MPI_Ialltoall(c.send_counts.data(), sizeof(int64_t), MPI_BYTE, sent.data(), sizeof(int64_t), MPI_BYTE,
                         collectives_, &request);
  });
  if (outcome.ok()) outcome = finish(during, request, MPI_STATUS_IGNORE, deadline, c.timeout);
  if (outcome.ok()) outcome = exchange(verdict_of(c, mine, sent), during, deadline, c.timeout);
  return outcome.ok() ? compare_verdicts(during, names_, header_of_rank) : outcome;
}

Outcome MpiGroup::run(const Collective& c) {
  const std::string during = describe(header_of(c));
  if (!countable(c, size()))
    return {Failure::argument, during + ": MPI takes at most " + std::to_string(INT_MAX) + " elements at once"};
  const auto deadline = Clock::now() + c.timeout;
  const Outcome outcome = compare(c, during, deadline);
  return outcome.ok() ? collective(c, during, deadline) : outcome;
}

Outcome MpiGroup::collective(const Collective& c, const std::string& during, Clock::time_point deadline) {
  // Who has everyone's header knows that everyone has come.
  if (c.kind == Kind::barrier || (c.count == 0 && c.kind != Kind::all_to_all)) return {};
  const int count = static_cast<int>(c.count);
  const MPI_Datatype type = type_of(c.dtype);
  const MPI_Op op = op_of(c.op);
  const bool root = rank_ == c.root;
  // Before the sum, so that 16-bit floats do not overflow.
  if (c.op == ReduceOp::avg) {
    const int parts = c.kind == Kind::reduce_scatter ? size() : 1;
    if (c.kind == Kind::all_reduce || c.kind == Kind::reduce || c.kind == Kind::reduce_scatter)
      scale(c.dtype, c.data, 1.0 / size(), static_cast<size_t>(c.count) * static_cast<size_t>(parts));
  }
  const std::vector<int> sends(c.send_counts.begin(), c.send_counts.end());
  const std::vector<int> receives(c.receive_counts.begin(), c.receive_counts.end());
  const std::vector<int> from = places_of(sends), to = places_of(receives);
  MPI_Request request = MPI_REQUEST_NULL;
  Outcome outcome = begin(during, [&] {
    switch (c.kind) {
      case Kind::all_reduce:
        return MPI_Iallreduce(MPI_IN_PLACE, c.data, count, type, op, collectives_, &request);
      case Kind::reduce:
        return MPI_Ireduce(root ? MPI_IN_PLACE : c.data, c.data, count, type, op, c.root, collectives_, &request);
      case Kind::broadcast:
        return MPI_Ibcast(c.data, count, type, c.root, collectives_, &request);
      case Kind::all_gather:
        return MPI_Iallgather(c.data, count, type, c.output, count, type, collectives_, &request);
      case Kind::gather:
        return MPI_Igather(c.data, count, type, c.output, count, type, c.root, collectives_, &request);
      case Kind::scatter:
        return MPI_Iscatter(c.data, count, type, c.output, count, type, c.root, collectives_, &request);
      case Kind::reduce_scatter:
        return MPI_Ireduce_scatter_block(c.data, c.output, count, type, op, collectives_, &request);
      case Kind::all_to_all:
        return MPI_Ialltoallv(c.data, sends.data(), from.data(), type, c.output, receives.data(), to.data(), type,
                              collectives_, &request);
      case Kind::barrier:
        break;
    }
    return MPI_SUCCESS;
  });
  return outcome.ok() ? finish(during, request, MPI_STATUS_IGNORE, deadline, c.timeout) : outcome;
}

namespace {

// Says how much comes and in which message: MPI tells a receiver neither the dtype nor that something was cut off in
// time.
struct Preface {
  int64_t count = 0;
  int32_t dtype = 0, id = 0;
};

std::string part(int64_t count, int32_t dtype) {
  return std::to_string(count) + " elements of " + name_of(static_cast<DType>(dtype % kNumDTypes));
}

class MpiTransfer : public Transfer {
 public:
  MpiTransfer(MpiGroup& group, const Message& message) : group_(group), message_(message) {
    deadline_ = Clock::now() + message.timeout;
    if (message.count > INT_MAX || message.tag > INT_MAX)
      begun_ = {Failure::argument, "MPI takes at most " + std::to_string(INT_MAX) + " elements, and tags up to that"};
  }
  int peer() const override { return message_.peer; }

 protected:
  int tag() const { return static_cast<int>(message_.tag); }
  Outcome wait(const std::string& during, MPI_Request& request, MPI_Status* status = MPI_STATUS_IGNORE) {
    return group_.finish(during, request, status, deadline_, message_.timeout);
  }

  MpiGroup& group_;
  Message message_;
  Clock::time_point deadline_;
  Preface preface_;
  MPI_Request preface_request_ = MPI_REQUEST_NULL, payload_request_ = MPI_REQUEST_NULL;
  Outcome begun_;
};

class Send final : public MpiTransfer {
 public:
  Send(MpiGroup& group, const Message& message, uint32_t id) : MpiTransfer(group, message) {
    preface_ = {message.count, static_cast<int32_t>(message.dtype), static_cast<int32_t>(id % INT_MAX)};
    if (!begun_.ok()) return;
    begun_ = group_.begin(during(), [&] {
      const int error =
          MPI_Isend(&preface_, sizeof preface_, MPI_BYTE, message.peer, tag(), group_.prefaces(), &preface_request_);
      if (error != MPI_SUCCESS) return error;
      return MPI_Isend(message.data, static_cast<int>(message.count), type_of(message.dtype), message.peer, preface_.id,
                       group_.payloads(), &payload_request_);
    });
  }

  Outcome finish() override {
    if (!begun_.ok()) return begun_;
    const Outcome outcome = wait(during(), preface_request_);
    return outcome.ok() ? wait(during(), payload_request_) : outcome;
  }

 private:
  std::string during() const { return "send to rank " + group_.name_of_rank(message_.peer); }
};

class Receive final : public MpiTransfer {
 public:
  Receive(MpiGroup& group, const Message& message) : MpiTransfer(group, message) {
    if (!begun_.ok()) return;
    begun_ = group_.begin(during(), [&] {
      return MPI_Irecv(&preface_, sizeof preface_, MPI_BYTE, message.peer < 0 ? MPI_ANY_SOURCE : message.peer, tag(),
                       group_.prefaces(), &preface_request_);
    });
  }

  Outcome finish() override {
    if (!begun_.ok()) return begun_;
    MPI_Status status{};
    if (Outcome outcome = wait(during(), preface_request_, &status); !outcome.ok()) return outcome;
    message_.peer = status.MPI_SOURCE;
    const bool fits = preface_.count == message_.count && preface_.dtype == static_cast<int32_t>(message_.dtype);
    // What does not fit is taken all the same: its sender waits.
    const size_t size = size_of(static_cast<DType>(preface_.dtype % kNumDTypes));
    std::vector<char> nowhere(fits ? 0 : static_cast<size_t>(preface_.count) * size);
    void* data = fits ? message_.data : nowhere.data();
    Outcome outcome = group_.begin(during(), [&] {
      return MPI_Irecv(data, static_cast<int>(preface_.count), type_of(static_cast<DType>(preface_.dtype % kNumDTypes)),
                       message_.peer, preface_.id, group_.payloads(), &payload_request_);
    });
    if (outcome.ok()) outcome = wait(during(), payload_request_);
    if (!outcome.ok() || fits) return outcome;
    return {Failure::mismatch, during() + ": expected " + part(message_.count, static_cast<int32_t>(message_.dtype)) +
                                   ", which sent " + part(preface_.count, preface_.dtype)};
  }

 private:
  std::string during() const {
    return message_.peer < 0 ? "recv from any rank" : "recv from rank " + group_.name_of_rank(message_.peer);
  }
};

}  // namespace

std::unique_ptr<Transfer> MpiGroup::send(const Message& message) {
  return std::make_unique<Send>(*this, message, next_message_.fetch_add(1));
}

std::unique_ptr<Transfer> MpiGroup::receive(const Message& message) {
  return std::make_unique<Receive>(*this, message);
}

}  // namespace flambeau::distributed
