// Processes that work together: stores, in which they find each other, and groups, in which they exchange tensors.
// Nothing here throws: what fails comes back as an Outcome.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "flambeau/dtype.h"

namespace flambeau::distributed {

using Milliseconds = std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// The order is the code used by packages/core/src/distributed/native.ts.
enum class Failure : int32_t {
  none = 0,
  timeout,     // something did not happen in time
  connection,  // a process or the network between them is gone
  mismatch,    // the ranks did not ask for the same; the group goes on
  argument,    // an address, a port or a file that cannot be used
};

struct Outcome {
  Failure failure = Failure::none;
  std::string message;
  bool ok() const { return failure == Failure::none; }
};

// Where processes leave values for each other: PyTorch's c10d store. Every method may be called from any thread.
class Store {
 public:
  virtual ~Store() = default;
  virtual Outcome set(const std::string& key, const std::string& value) = 0;
  // Waits until the key is there.
  virtual Outcome get(const std::string& key, Milliseconds timeout, std::string& value) = 0;
  virtual Outcome add(const std::string& key, int64_t amount, int64_t& sum) = 0;
  // Sets the key where it holds `expected`, or is missing and `expected` is empty; gives what it holds then.
  virtual Outcome compare_set(const std::string& key, const std::string& expected, const std::string& desired,
                              std::string& value) = 0;
  virtual Outcome wait(const std::vector<std::string>& keys, Milliseconds timeout) = 0;
  virtual Outcome check(const std::vector<std::string>& keys, bool& all) = 0;
  virtual Outcome delete_key(const std::string& key, bool& deleted) = 0;
  virtual Outcome num_keys(int64_t& count) = 0;
  // Another connection to the same store, for another thread: a wait on one does not hold up the other.
  virtual Outcome clone(std::unique_ptr<Store>& copy) = 0;
  // How long a call other than get and wait may take from now on, where the store cannot be reached.
  virtual void limit(Milliseconds) {}
  // The address of this machine that the store is reached from; empty where that is unknown.
  virtual std::string local_address() { return {}; }
  virtual int port() { return 0; }
  // Ends waiting calls, and the server where this is it.
  virtual void close() = 0;
};

struct TcpStoreOptions {
  std::string host;
  int port = 0;
  bool server = false;  // whether this process holds the values
  Milliseconds timeout{300000};
};
Outcome open_tcp_store(const TcpStoreOptions& options, std::unique_ptr<Store>& store);
Outcome open_file_store(const std::string& path, std::unique_ptr<Store>& store);

// The order of both is the code used by packages/core/src/distributed/native.ts.
enum class Kind : uint8_t {
  all_reduce,
  reduce,
  broadcast,
  all_gather,
  gather,
  scatter,
  reduce_scatter,
  all_to_all,
  barrier,
};
enum class ReduceOp : uint8_t { sum, avg, product, min, max, band, bor, bxor };

// One collective, as every rank states it. Memory is contiguous.
struct Collective {
  Kind kind = Kind::barrier;
  ReduceOp op = ReduceOp::sum;
  DType dtype = DType::f32;
  int root = -1;
  void* data = nullptr;    // what is reduced or broadcast in place; else the input
  void* output = nullptr;  // of gather, scatter and their kin
  int64_t count = 0;       // elements of one rank's part
  std::vector<int64_t> shape;
  std::vector<int64_t> send_counts, receive_counts;  // all_to_all: elements to and from each rank
  std::string note;                                  // compared between the ranks, and shown where they differ
  std::shared_ptr<void> mark;                        // Group::mark, when it was asked for
  Milliseconds timeout{0};
};

// One message to or from another rank.
class Transfer {
 public:
  virtual ~Transfer() = default;
  virtual Outcome finish() = 0;  // waits; once
  virtual int peer() const = 0;  // once finished: the rank it came from
};

struct Message {
  void* data = nullptr;
  int64_t count = 0;
  DType dtype = DType::f32;
  int peer = -1;  // -1: from any rank
  uint32_t tag = 0;
  Milliseconds timeout{0};
};

class Group {
 public:
  virtual ~Group() = default;
  // Where tensors are on a device that works on its own: what was asked of it so far, which a collective waits for.
  virtual std::shared_ptr<void> mark() { return nullptr; }
  // Waits until it is done. Called by one thread at a time.
  virtual Outcome run(const Collective& collective) = 0;
  // Each rank says which of the others did not come in time.
  virtual std::unique_ptr<Transfer> send(const Message& message) = 0;
  virtual std::unique_ptr<Transfer> receive(const Message& message) = 0;
  virtual void close() = 0;  // whatever waits fails
};

struct GroupOptions {
  Store* store = nullptr;  // the group makes a connection of its own
  std::string prefix;      // of its keys
  std::string interface;   // the network interface, or empty
  int rank = 0;
  int size = 1;
  std::vector<int> names;  // the ranks' numbers among all processes, by which messages call them
  Milliseconds timeout{1800000};
  int device = 0;  // the number of the device that the tensors are on, where the engine is one for devices
};

// The processes that an engine's own launcher has started.
struct Launched {
  int rank = 0, size = 1;
  std::string told;  // what rank 0 has said to all
};

// What a shared library with an engine offers to the addon, which loads it on demand.
struct GroupPlugin {
  Outcome (*open_group)(const GroupOptions& options, std::unique_ptr<Group>& group);
  // Only where the engine has a launcher of its own, and knows the others before there is a store: each process calls
  // it, and learns what rank 0 has in `told`.
  Outcome (*meet)(Launched& launched) = nullptr;
  // And is told that a process has come to its end as planned.
  void (*leave)() = nullptr;
  // Why the engine cannot be used all the same, or empty.
  const char* reason = "";
};
// `fingerprint` is the addon's: nullptr comes back where the library was built from other declarations.
using GroupOpen = const GroupPlugin* (*)(const char* fingerprint);

// The order is the code used by packages/core/src/distributed/process-group.ts.
enum class Engines { gloo, mpi, nccl };

struct GroupSupport {
  const GroupPlugin* plugin = nullptr;
  const char* reason = "";  // why there is none
};
GroupSupport group_support(Engines engine);

}  // namespace flambeau::distributed
