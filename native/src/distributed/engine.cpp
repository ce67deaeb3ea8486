#include "distributed/engine.h"

namespace flambeau::distributed {

Work::Work(std::vector<Storage*> storages) : storages_(std::move(storages)) {
  for (Storage* storage : storages_) storage->retain();
}

Work::~Work() {
  for (Storage* storage : storages_) storage->release();
}

const Outcome& Work::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done_; });
  return outcome_;
}

bool Work::done() {
  const std::lock_guard lock(mutex_);
  return done_;
}

void Work::when_done(std::function<void()> then) {
  {
    const std::lock_guard lock(mutex_);
    if (!done_) {
      then_.push_back(std::move(then));
      return;
    }
  }
  then();
}

void Work::finish(Outcome outcome, int peer) {
  std::vector<std::function<void()>> then;
  {
    const std::lock_guard lock(mutex_);
    outcome_ = std::move(outcome);
    peer_ = peer;
    done_ = true;
    then = std::move(then_);
    for (Storage* storage : storages_) storage->release();
    storages_.clear();
    changed_.notify_all();
  }
  for (const auto& call : then) call();
}

std::shared_ptr<Work> Engine::run(Collective collective, bool wait, std::vector<Storage*> storages) {
  auto work = std::make_shared<Work>(std::move(storages));
  collective.mark = group_->mark();
  std::unique_lock lock(mutex_);
  if (closed_) {
    work->finish({Failure::connection, "the process group is destroyed"});
    return work;
  }
  if (!wait || busy_ || !tasks_.empty()) {
    tasks_.push_back({std::move(collective), work});
    changed_.notify_all();
    return work;
  }
  busy_ = true;
  lock.unlock();
  work->finish(group_->run(collective));
  lock.lock();
  busy_ = false;
  changed_.notify_all();
  return work;
}

void Engine::serve() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !busy_ && (closed_ || !tasks_.empty()); });
    if (tasks_.empty()) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    busy_ = true;
    lock.unlock();
    task.work->finish(group_->run(task.collective));
    lock.lock();
    busy_ = false;
  }
}

std::shared_ptr<Work> Engine::transfer(const Message& message, bool send, bool wait, std::vector<Storage*> storages) {
  auto work = std::make_shared<Work>(std::move(storages));
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      work->finish({Failure::connection, "the process group is destroyed"});
      return work;
    }
    ++transfers_;
  }
  // Begun here, so that messages keep the order in which they were asked for.
  std::shared_ptr<Transfer> transfer = send ? group_->send(message) : group_->receive(message);
  auto rest = [this, work, transfer]() mutable {
    Outcome outcome = transfer->finish();
    const int peer = transfer->peer();
    transfer.reset();
    work->finish(std::move(outcome), peer);
    const std::lock_guard lock(mutex_);
    --transfers_;
    changed_.notify_all();
  };
  if (wait)
    rest();
  else
    std::thread(std::move(rest)).detach();
  return work;
}

void Engine::close() {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = true;
    changed_.notify_all();
  }
  group_->close();
  thread_.join();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return transfers_ == 0; });
}

}  // namespace flambeau::distributed
