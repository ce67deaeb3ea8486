// A group's own thread, on which collectives run in the order in which they were asked for, and what callers hold of
// one that is under way.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "flambeau/distributed.h"
#include "flambeau/storage.h"

namespace flambeau::distributed {

// Something under way. It keeps its storages until it is done.
class Work {
 public:
  explicit Work(std::vector<Storage*> storages);
  ~Work();
  Work(const Work&) = delete;

  const Outcome& wait();
  bool done();
  int peer() const { return peer_; }
  const Outcome& outcome() const { return outcome_; }
  // Calls `then` once it is done, on whatever thread that is.
  void when_done(std::function<void()> then);
  void finish(Outcome outcome, int peer = -1);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  Outcome outcome_;
  int peer_ = -1;
  std::vector<Storage*> storages_;
  std::vector<std::function<void()>> then_;
};

class Engine {
 public:
  explicit Engine(std::unique_ptr<Group> group) : group_(std::move(group)), thread_([this] { serve(); }) {}
  ~Engine() { close(); }

  // With `wait` the calling thread does it, where nothing else is under way.
  std::shared_ptr<Work> run(Collective collective, bool wait, std::vector<Storage*> storages);
  // With `wait` the calling thread waits; otherwise one that is made for it.
  std::shared_ptr<Work> transfer(const Message& message, bool send, bool wait, std::vector<Storage*> storages);
  // Whatever is under way fails; returns when nothing is.
  void close();

 private:
  struct Task {
    Collective collective;
    std::shared_ptr<Work> work;
  };
  void serve();

  std::unique_ptr<Group> group_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  bool busy_ = false;  // a collective runs
  int transfers_ = 0;
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace flambeau::distributed
