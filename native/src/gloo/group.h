// A group of processes on Gloo's transport and algorithms.
#pragma once
#include <atomic>
#include <mutex>

#include "gloo/headers.h"
#include "groups/reduction.h"

namespace flambeau::distributed {

class GlooGroup final : public Group {
 public:
  GlooGroup(const GroupOptions& options, std::unique_ptr<Store> store, std::shared_ptr<gloo::Context> context);
  ~GlooGroup() override { close(); }

  Outcome run(const Collective& collective) override;
  std::unique_ptr<Transfer> send(const Message& message) override;
  std::unique_ptr<Transfer> receive(const Message& message) override;
  void close() override;

  // What went wrong, by rank: whose connection is closed, and what those ranks left word of in the store.
  Outcome explain(const std::string& during, const std::string& what, bool timed_out, std::vector<int> suspects);
  const std::shared_ptr<gloo::Context>& context() const { return context_; }
  std::string name_of_rank(int rank) const { return std::to_string(names_[static_cast<size_t>(rank)]); }
  int name(int rank) const { return names_[static_cast<size_t>(rank)]; }

 private:
  Outcome compare(const Collective& collective, const std::string& during, Clock::time_point deadline);
  void finish_inline(const Collective& collective);
  void abort();
  Outcome compare_counts(const Collective& collective, const Header& mine, const std::string& during,
                         Clock::time_point deadline);
  Outcome missing_ranks(const std::vector<int>& missing, const std::string& during, Milliseconds timeout);
  void execute(const Collective& collective, Milliseconds timeout);
  void reduce_scatter(const Collective& collective, Milliseconds timeout);
  std::string key_of(int rank) const { return prefix_ + "failed/" + std::to_string(rank); }
  std::string ranks(const std::vector<int>& list) const { return list_of_ranks(list, names_); }
  std::string word_of(int rank);  // what a rank left in the store when it failed; empty where there is nothing

  std::shared_ptr<gloo::Context> context_;
  std::unique_ptr<Store> store_;
  std::string prefix_;
  std::vector<int> names_;
  Headers headers_;
  uint32_t tag_ = 0;
  std::atomic<uint32_t> next_message_{0};
  std::mutex broken_mutex_;
  Outcome broken_;  // the first failure: Gloo's connections do not survive one
  std::atomic<bool> closed_{false};
};

}  // namespace flambeau::distributed
