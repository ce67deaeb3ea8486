// The group on NCCL without NCCL: its ranks are threads of this process, and a library and devices of threads stand for
// NCCL and CUDA. What is tested is all that the group adds: agreement, order, deadlines, and what it says of failures.
#include <doctest/doctest.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "collectives.h"
#include "distributed/engine.h"
#include "nccl/group.h"
#include "nccl/types.h"

using namespace flambeau;
using namespace flambeau::distributed;

namespace {

// Jobs that run in order on a thread of their own.
class Lane {
 public:
  Lane() : thread_([this] { run(); }) {}
  ~Lane() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  void add(std::function<void()> job) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    changed_.notify_all();
  }

 private:
  void run() {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return ended_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool ended_ = false;
  std::thread thread_;
};

// One lock for all that ranks wait for.
std::mutex world_mutex;
std::condition_variable world_changed;

struct Sent {
  const void* data;
  size_t bytes;
  bool taken = false;
};

// What the ranks of a communicator share.
struct Shared {
  int size = 0, joined = 0;
  struct Meeting {
    std::vector<const void*> sources;
    int arrived = 0, left = 0;
  };
  std::map<int, Meeting> meetings;
  std::map<std::pair<int, int>, std::deque<Sent*>> messages;  // by sender and receiver
};
std::map<std::string, Shared> worlds;

struct FakeComm {
  Shared* shared = nullptr;
  int rank = 0, meetings = 0;
  int busy = 0;  // how often it still says that a call is under way
  bool aborted = false;
};
// Destroyed communicators, which jobs may still look at.
std::vector<std::unique_ptr<FakeComm>> comms;
std::set<FakeComm*> alive;
std::atomic<int> broken_result{0};  // what NCCL reports from now on, where it is not 0

size_t size_of_type(int type) { return type == nccl::kFloat64 ? 8 : type == nccl::kFloat32 ? 4 : 1; }

// Calls between group_start and group_end, of this thread.
struct Call {
  std::function<void()> collective;
  const void* source = nullptr;
  void* target = nullptr;
  size_t bytes = 0;
  int peer = 0;
};
thread_local std::vector<Call> calls;
thread_local FakeComm* calling = nullptr;
thread_local Lane* on = nullptr;

int note(nccl::Comm comm, nccl::Stream stream, Call call) {
  calling = static_cast<FakeComm*>(comm);
  on = static_cast<Lane*>(stream);
  calls.push_back(std::move(call));
  return nccl::kSuccess;
}

// All ranks come, each reads what the others have, and none goes on before all have read.
int meet(nccl::Comm comm, nccl::Stream stream, const void* source,
         const std::function<void(const std::vector<const void*>&, std::vector<char>&)>& read, void* target) {
  auto* c = static_cast<FakeComm*>(comm);
  const int number = c->meetings++;
  return note(comm, stream, {[=] {
                std::unique_lock lock(world_mutex);
                Shared::Meeting& meeting = c->shared->meetings[number];
                meeting.sources.resize(static_cast<size_t>(c->shared->size));
                meeting.sources[static_cast<size_t>(c->rank)] = source;
                ++meeting.arrived;
                world_changed.notify_all();
                world_changed.wait(lock, [&] { return c->aborted || meeting.arrived == c->shared->size; });
                if (c->aborted) return;
                std::vector<char> result;
                read(meeting.sources, result);
                ++meeting.left;
                world_changed.notify_all();
                world_changed.wait(lock, [&] { return c->aborted || meeting.left == c->shared->size; });
                if (!c->aborted && target) std::memcpy(target, result.data(), result.size());
              }});
}

template <typename T>
void combine(const std::vector<const void*>& sources, size_t from, size_t count, int op, std::vector<char>& result) {
  result.resize(count * sizeof(T));
  T* out = reinterpret_cast<T*>(result.data());
  for (size_t i = 0; i < count; ++i) {
    for (size_t rank = 0; rank < sources.size(); ++rank) {
      const T value = static_cast<const T*>(sources[rank])[from + i];
      out[i] = rank == 0              ? value
               : op == nccl::kMax     ? std::max(out[i], value)
               : op == nccl::kMin     ? std::min(out[i], value)
               : op == nccl::kProduct ? out[i] * value
                                      : out[i] + value;
    }
    if (op == nccl::kAvg) out[i] /= static_cast<T>(sources.size());
  }
}

void combined(const std::vector<const void*>& sources, size_t from, size_t count, int type, int op,
              std::vector<char>& result) {
  if (type == nccl::kFloat32) return combine<float>(sources, from, count, op, result);
  if (type == nccl::kFloat64) return combine<double>(sources, from, count, op, result);
  FAIL("the library that stands for NCCL has no such type");
}

nccl::Functions loopback() {
  nccl::Functions f;
  f.get_unique_id = [](nccl::UniqueId* id) {
    static std::atomic<int> next{0};
    std::memset(id->internal, 0, sizeof id->internal);
    const int number = ++next;
    std::memcpy(id->internal, &number, sizeof number);
    return nccl::kSuccess;
  };
  f.init_rank = [](nccl::Comm* comm, int ranks, nccl::UniqueId id, int rank, nccl::Config* config) {
    CHECK(config->blocking == 0);
    const std::lock_guard lock(world_mutex);
    comms.push_back(std::make_unique<FakeComm>());
    FakeComm* made = comms.back().get();
    made->shared = &worlds[std::string(id.internal, sizeof id.internal)];
    made->shared->size = ranks;
    made->rank = rank;
    ++made->shared->joined;
    alive.insert(made);
    *comm = made;
    return nccl::kInProgress;
  };
  f.async_error = [](nccl::Comm comm, int* state) {
    const std::lock_guard lock(world_mutex);
    auto* c = static_cast<FakeComm*>(comm);
    REQUIRE(alive.contains(c));
    const bool waits = c->shared->joined < c->shared->size || (c->busy > 0 && c->busy-- > 0);
    *state = broken_result ? broken_result.load() : waits ? nccl::kInProgress : nccl::kSuccess;
    return nccl::kSuccess;
  };
  f.abort = [](nccl::Comm comm) {
    const std::lock_guard lock(world_mutex);
    auto* c = static_cast<FakeComm*>(comm);
    CHECK(alive.erase(c) == 1);
    c->aborted = true;
    world_changed.notify_all();
    return nccl::kSuccess;
  };
  f.finalize = [](nccl::Comm) { return nccl::kInProgress; };
  f.destroy = [](nccl::Comm comm) {
    const std::lock_guard lock(world_mutex);
    CHECK(alive.erase(static_cast<FakeComm*>(comm)) == 1);
    return nccl::kSuccess;
  };
  f.all_reduce = [](const void* in, void* out, size_t n, int type, int op, nccl::Comm comm, nccl::Stream stream) {
    return meet(
        comm, stream, in, [=](auto& from, auto& result) { combined(from, 0, n, type, op, result); }, out);
  };
  f.reduce = [](const void* in, void* out, size_t n, int type, int op, int root, nccl::Comm comm, nccl::Stream s) {
    void* target = static_cast<FakeComm*>(comm)->rank == root ? out : nullptr;
    return meet(
        comm, s, in, [=](auto& from, auto& result) { combined(from, 0, n, type, op, result); }, target);
  };
  f.broadcast = [](const void* in, void* out, size_t n, int type, int root, nccl::Comm comm, nccl::Stream stream) {
    const size_t bytes = n * size_of_type(type);
    const auto read = [=](auto& from, std::vector<char>& result) {
      const char* source = static_cast<const char*>(from[static_cast<size_t>(root)]);
      result.assign(source, source + bytes);
    };
    return meet(comm, stream, in, read, out);
  };
  f.all_gather = [](const void* in, void* out, size_t n, int type, nccl::Comm comm, nccl::Stream stream) {
    const size_t bytes = n * size_of_type(type);
    const auto read = [=](auto& from, std::vector<char>& result) {
      for (const void* one : from) {
        const char* source = static_cast<const char*>(one);
        result.insert(result.end(), source, source + bytes);
      }
    };
    return meet(comm, stream, in, read, out);
  };
  f.reduce_scatter = [](const void* in, void* out, size_t n, int type, int op, nccl::Comm comm, nccl::Stream stream) {
    const size_t at = static_cast<size_t>(static_cast<FakeComm*>(comm)->rank) * n;
    return meet(
        comm, stream, in, [=](auto& from, auto& result) { combined(from, at, n, type, op, result); }, out);
  };
  f.send = [](const void* data, size_t n, int type, int peer, nccl::Comm comm, nccl::Stream stream) {
    return note(comm, stream, {nullptr, data, nullptr, n * size_of_type(type), peer});
  };
  f.receive = [](void* data, size_t n, int type, int peer, nccl::Comm comm, nccl::Stream stream) {
    return note(comm, stream, {nullptr, nullptr, data, n * size_of_type(type), peer});
  };
  f.group_start = [] {
    calls.clear();
    return nccl::kSuccess;
  };
  f.group_end = [] {
    if (calls.empty()) return nccl::kSuccess;
    FakeComm* c = calling;
    on->add([c, made = calls] {
      if (made[0].collective) return made[0].collective();
      // Messages of one group wait for each other, whatever their order.
      std::deque<Sent> sent;
      std::unique_lock lock(world_mutex);
      for (const Call& call : made) {
        if (!call.source) continue;
        sent.push_back({call.source, call.bytes});
        c->shared->messages[{c->rank, call.peer}].push_back(&sent.back());
      }
      world_changed.notify_all();
      for (const Call& call : made) {
        if (!call.target) continue;
        auto& waiting = c->shared->messages[{call.peer, c->rank}];
        world_changed.wait(lock, [&] { return c->aborted || !waiting.empty(); });
        if (c->aborted) break;
        CHECK(waiting.front()->bytes == call.bytes);
        std::memcpy(call.target, waiting.front()->data, std::min(waiting.front()->bytes, call.bytes));
        waiting.front()->taken = true;
        waiting.pop_front();
        world_changed.notify_all();
      }
      world_changed.wait(lock, [&] {
        return c->aborted || std::all_of(sent.begin(), sent.end(), [](const Sent& one) { return one.taken; });
      });
      // Nobody is to find what is gone.
      for (auto& [_, waiting] : c->shared->messages)
        std::erase_if(waiting, [&](Sent* one) {
          return std::any_of(sent.begin(), sent.end(), [&](const Sent& mine) { return &mine == one; });
        });
    });
    const std::lock_guard lock(world_mutex);
    c->busy = 2;
    return nccl::kInProgress;
  };
  f.error_string = [](int result) { return result == 6 ? "remote process exited or there was a network error" : "?"; };
  f.last_error = [](nccl::Comm) { return ""; };
  return f;
}
const nccl::Functions functions = loopback();

struct HostMemory final : DeviceMemory {
  explicit HostMemory(size_t nbytes) : bytes(nbytes) {}
  void* data() override { return bytes.data(); }
  std::vector<char> bytes;
};

// A mark is done once the device's own lane has come to it.
struct Reached {
  std::mutex mutex;
  std::condition_variable changed;
  bool is = false;
};

struct LaneQueue final : NcclQueue {
  Lane lane;
  std::atomic<int> asked{0}, reached{0};

  bool enter() override { return true; }
  nccl::Stream stream() override { return &lane; }
  bool follow(const Mark& mark) override {
    lane.add([mark = std::static_pointer_cast<Reached>(mark)] {
      std::unique_lock lock(mark->mutex);
      mark->changed.wait(lock, [&] { return mark->is; });
    });
    return true;
  }
  bool copy_in(void* device, const void* host, size_t nbytes) override {
    lane.add([=] { std::memcpy(device, host, nbytes); });
    return true;
  }
  bool copy_out(void* host, const void* device, size_t nbytes) override { return copy_in(host, device, nbytes); }
  bool end() override {
    lane.add([this, number = ++asked] { reached = number; });
    return true;
  }
  Progress progress() override { return reached == asked ? Progress::done : Progress::pending; }
  std::string error() override { return "nothing"; }
};

struct LaneDevice final : NcclDevice {
  Lane lane;  // what the device computes
  std::unique_ptr<NcclQueue> make_queue() override { return std::make_unique<LaneQueue>(); }
  std::unique_ptr<DeviceMemory> memory(size_t nbytes) override { return std::make_unique<HostMemory>(nbytes); }
  std::unique_ptr<DeviceMemory> host_memory(size_t nbytes) override { return memory(nbytes); }
  Mark mark() override {
    auto mark = std::make_shared<Reached>();
    lane.add([mark] {
      {
        const std::lock_guard lock(mark->mutex);
        mark->is = true;
      }
      mark->changed.notify_all();
    });
    return mark;
  }
};

using Body = std::function<void(int rank, Group& group, LaneDevice& device)>;

void with_ranks(int size, const Body& body) {
  std::unique_ptr<Store> store;
  REQUIRE(open_tcp_store({"127.0.0.1", 0, true, Milliseconds(60000)}, store).ok());
  std::vector<int> names;
  for (int rank = 0; rank < size; ++rank) names.push_back(10 + rank);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] {
      GroupOptions options{store.get(), "test/", "", rank, size, names, Milliseconds(60000)};
      auto device = std::make_shared<LaneDevice>();
      std::unique_ptr<Group> group;
      const Outcome outcome = NcclGroup::open(options, functions, device, group);
      CHECK(outcome.message == "");
      if (group) body(rank, *group, *device);
    });
  for (auto& thread : threads) thread.join();
  const std::lock_guard lock(world_mutex);
  CHECK(alive.empty());
}

Message message_of(std::vector<float>& values, int peer) {
  Message message;
  message.data = values.data();
  message.count = static_cast<int64_t>(values.size());
  message.peer = peer;
  message.timeout = Milliseconds(60000);
  return message;
}

}  // namespace

TEST_CASE("NCCL: elements and operations") {
  Elements e;
  std::string reason;
  CHECK(elements_of(DType::bf16, ReduceOp::avg, e, reason));
  CHECK((e.type == nccl::kBfloat16 && e.op == nccl::kAvg && e.parts == 1));
  CHECK(elements_of(DType::c64, ReduceOp::sum, e, reason));
  CHECK((e.type == nccl::kFloat32 && e.parts == 2));
  CHECK(elements_of(DType::boolean, ReduceOp::sum, e, reason));
  CHECK((e.type == nccl::kUint8 && e.op == nccl::kMax));
  CHECK_FALSE(elements_of(DType::c128, ReduceOp::product, e, reason));
  CHECK(reason == "NCCL has sums and means of complex numbers only");
  CHECK_FALSE(elements_of(DType::i16, ReduceOp::sum, e, reason));
  CHECK(reason == "NCCL does not compute with int16");
  CHECK_FALSE(elements_of(DType::i32, ReduceOp::bxor, e, reason));
  CHECK(reason == "NCCL has no operations on bits (band, bor, bxor)");
  CHECK(bytes_of(DType::c128).parts == 16);
}

TEST_CASE("NCCL: every collective, one after another") {
  for (const int size : {1, 3})
    with_ranks(size, [size](int rank, Group& group, LaneDevice&) {
      for (const int64_t n : {int64_t(0), int64_t(1), int64_t(5000)}) {
        const auto filled = [n](int64_t parts, auto value) {
          std::vector<double> values(static_cast<size_t>(n * parts));
          for (int64_t i = 0; i < n * parts; ++i) values[static_cast<size_t>(i)] = static_cast<double>(value(i / n));
          return values;
        };
        const auto run = [&](Kind kind, std::vector<double>* data, std::vector<double>* output, int root,
                             ReduceOp op = ReduceOp::sum) {
          Collective c;
          c.kind = kind;
          c.op = op;
          c.dtype = DType::f64;
          c.root = root;
          c.data = data == nullptr ? nullptr : data->data();
          c.output = output == nullptr ? nullptr : output->data();
          c.count = n;
          c.shape = {n};
          if (kind == Kind::all_to_all)
            c.send_counts = c.receive_counts = std::vector<int64_t>(static_cast<size_t>(size), n);
          c.timeout = Milliseconds(60000);
          CHECK(group.run(c).message == "");
        };
        const int last = size - 1;
        const double total = size * (size + 1) / 2;
        std::vector<double> own = filled(1, [rank](int64_t) { return rank + 1; });
        std::vector<double> all(static_cast<size_t>(n * size)), one(static_cast<size_t>(n));
        run(Kind::all_gather, &own, &all, -1);
        CHECK(all == filled(size, [](int64_t part) { return part + 1; }));
        std::vector<double> gathered(all.size());
        run(Kind::gather, &own, rank == last ? &gathered : nullptr, last);
        if (rank == last) CHECK(gathered == all);
        std::vector<double> parts = filled(size, [](int64_t part) { return part; });
        run(Kind::scatter, rank == 0 ? &parts : nullptr, &one, 0);
        CHECK(one == filled(1, [rank](int64_t) { return rank; }));
        run(Kind::reduce_scatter, &parts, &one, -1);
        CHECK(one == filled(1, [&](int64_t) { return rank * size; }));
        run(Kind::all_to_all, &parts, &all, -1);
        CHECK(all == filled(size, [rank](int64_t) { return rank; }));
        run(Kind::all_reduce, &one, nullptr, -1, ReduceOp::avg);
        run(Kind::reduce, &own, nullptr, 0);
        CHECK(own == filled(1, [&](int64_t) { return rank == 0 ? total : rank + 1; }));
        run(Kind::broadcast, &own, nullptr, 0);
        CHECK(own == filled(1, [&](int64_t) { return total; }));
        run(Kind::all_reduce, &own, nullptr, -1, ReduceOp::max);
        CHECK(own == filled(1, [&](int64_t) { return total; }));
        run(Kind::barrier, nullptr, nullptr, -1);
      }
    });
}

TEST_CASE("NCCL: a collective waits for what the device was asked before, and for nothing that it is asked later") {
  with_ranks(2, [](int, Group& group, LaneDevice& device) {
    std::vector<float> values(100, 0.0f);
    Engine engine([&] {
      struct Borrowed final : Group {
        explicit Borrowed(Group& other) : group(other) {}
        std::shared_ptr<void> mark() override { return group.mark(); }
        Outcome run(const Collective& c) override { return group.run(c); }
        std::unique_ptr<Transfer> send(const Message& m) override { return group.send(m); }
        std::unique_ptr<Transfer> receive(const Message& m) override { return group.receive(m); }
        void close() override {}
        Group& group;
      };
      return std::make_unique<Borrowed>(group);
    }());
    std::atomic<bool> go{false};
    device.lane.add([&] {
      std::this_thread::sleep_for(Milliseconds(100));
      std::fill(values.begin(), values.end(), 1.0f);
    });
    const auto work = engine.run(sum_of(DType::f32, values), false, {});
    // Would be waited for if the mark were made when its turn comes.
    device.lane.add([&] {
      while (!go) std::this_thread::yield();
    });
    CHECK(work->wait().message == "");
    CHECK(values == std::vector<float>(100, 2.0f));
    go = true;
    engine.close();
  });
}

TEST_CASE("NCCL: ranks that disagree are told so, and go on") {
  with_ranks(2, [](int rank, Group& group, LaneDevice&) {
    std::vector<float> values(static_cast<size_t>(rank + 4), 1.0f);
    const Outcome outcome = group.run(sum_of(DType::f32, values));
    CHECK(outcome.failure == Failure::mismatch);
    if (rank == 0)
      CHECK(outcome.message ==
            "all_reduce(sum) of float32 [4]: expected the same on every rank, got all_reduce(sum) of float32 [4] on "
            "rank 10 and all_reduce(sum) of float32 [5] on rank 11");
    Collective c;
    c.kind = Kind::all_to_all;
    c.timeout = Milliseconds(60000);
    std::vector<float> in(2), out(3);
    c.data = in.data();
    c.output = out.data();
    c.send_counts = {1, 1};
    c.receive_counts = rank == 0 ? std::vector<int64_t>{1, 1} : std::vector<int64_t>{2, 1};
    CHECK(group.run(c).message == "all_to_all of float32 []: rank 10 sends 1 elements to rank 11, which expects 2");
    std::vector<int16_t> shorts(3);
    CHECK(group.run(sum_of(DType::i16, shorts)).message ==
          "all_reduce(sum) of int16 [3]: NCCL does not compute with int16");
    std::vector<float> same(2000, 1.0f);
    CHECK(group.run(sum_of(DType::f32, same)).ok());
    CHECK(same.front() == 2.0f);
  });
}

TEST_CASE("NCCL: a rank that does not come is named, and the group has ended") {
  with_ranks(3, [](int rank, Group& group, LaneDevice&) {
    std::vector<float> values(3, 1.0f);
    Collective c = sum_of(DType::f32, values);
    c.timeout = Milliseconds(300);
    if (rank == 2) {
      std::this_thread::sleep_for(Milliseconds(1500));
      c.timeout = Milliseconds(60000);
      const Outcome late = group.run(c);
      CHECK(late.failure == Failure::connection);
      CHECK(
          late.message.find("left the group (all_reduce(sum) of float32 [3]: rank 12 did not come (within 300 ms))") !=
          std::string::npos);
      return;
    }
    const Outcome outcome = group.run(c);
    CHECK(outcome.failure == Failure::timeout);
    CHECK(outcome.message == "all_reduce(sum) of float32 [3]: rank 12 did not come (within 300 ms)");
    CHECK(group.run(c).message.find("the group failed before (all_reduce") != std::string::npos);
    CHECK(values == std::vector<float>(3, 1.0f));
  });
}

TEST_CASE("NCCL: what NCCL reports is said, and ends the group") {
  with_ranks(1, [](int, Group& group, LaneDevice&) {
    std::vector<float> values(3, 1.0f);
    broken_result = 6;
    const Outcome outcome = group.run(sum_of(DType::f32, values));
    broken_result = 0;
    CHECK(outcome.failure == Failure::connection);
    CHECK(outcome.message ==
          "all_reduce(sum) of float32 [3]: NCCL: remote process exited or there was a network error");
  });
}

TEST_CASE("NCCL: messages keep their order, cross each other, and say what does not fit") {
  with_ranks(2, [](int rank, Group& group, LaneDevice&) {
    const int other = 1 - rank;
    std::vector<float> first(4, static_cast<float>(rank)), second(4, static_cast<float>(rank + 10)), in(4), more(4);
    // Both send before they receive.
    const auto a = group.send(message_of(first, other)), b = group.send(message_of(second, other));
    const auto c = group.receive(message_of(in, other)), d = group.receive(message_of(more, other));
    std::vector<std::thread> threads;
    for (Transfer* transfer : {d.get(), b.get(), c.get(), a.get()})
      threads.emplace_back([transfer] { CHECK(transfer->finish().message == ""); });
    for (auto& thread : threads) thread.join();
    CHECK(in == std::vector<float>(4, static_cast<float>(other)));
    CHECK(more == std::vector<float>(4, static_cast<float>(other + 10)));
    CHECK(c->peer() == other);
    std::vector<float> five(5, 1.0f);
    if (rank == 0) {
      CHECK(group.send(message_of(five, 1))->finish().ok());
      CHECK(group.send(message_of(first, 1))->finish().ok());
    } else {
      const Outcome outcome = group.receive(message_of(in, 0))->finish();
      CHECK(outcome.failure == Failure::mismatch);
      CHECK(outcome.message == "recv from rank 10: expected 4 elements of float32, which sent 5 elements of float32");
      CHECK(group.receive(message_of(in, 0))->finish().ok());
      CHECK(in.front() == 0.0f);
    }
    CHECK(group.receive(message_of(in, -1))->finish().message ==
          "recv from any rank: NCCL receives from a rank that is named");
    Message tagged = message_of(in, other);
    tagged.tag = 3;
    CHECK(group.send(tagged)->finish().message ==
          "send to rank " + std::to_string(10 + other) + ": NCCL knows messages by their order alone, got tag 3");
  });
}

TEST_CASE("NCCL: a group that is destroyed ends what waits in it") {
  with_ranks(2, [](int rank, Group& group, LaneDevice&) {
    if (rank == 1) return;
    std::vector<float> values(3, 1.0f);
    Outcome outcome;
    std::thread waiting([&] { outcome = group.run(sum_of(DType::f32, values)); });
    std::this_thread::sleep_for(Milliseconds(100));
    group.close();
    waiting.join();
    CHECK(outcome.message == "all_reduce(sum) of float32 [3]: the process group was destroyed meanwhile");
    CHECK(group.run(sum_of(DType::f32, values)).message ==
          "all_reduce(sum) of float32 [3]: the process group is destroyed");
  });
}
