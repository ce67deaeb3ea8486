// A group of processes on MPI, started by mpirun. Calls do not block: they are looked after until they are done or time
// is up.
#pragma once
#include <atomic>
#include <functional>

#include "groups/header.h"
#include "mpi/library.h"

namespace flambeau::distributed {

class MpiGroup final : public Group {
 public:
  // Of the world's processes, all of which make it at the same time.
  static Outcome open(const GroupOptions& options, std::unique_ptr<Group>& group);
  ~MpiGroup() override { close(); }

  Outcome run(const Collective& collective) override;
  std::unique_ptr<Transfer> send(const Message& message) override;
  std::unique_ptr<Transfer> receive(const Message& message) override;
  void close() override;

  // Begins a call of MPI's.
  Outcome begin(const std::string& during, const std::function<int()>& call);
  // Waits for one.
  Outcome finish(const std::string& during, MPI_Request& request, MPI_Status* status, Clock::time_point deadline,
                 Milliseconds timeout);
  std::string name_of_rank(int rank) const { return std::to_string(names_[static_cast<size_t>(rank)]); }
  MPI_Comm prefaces() const { return prefaces_; }
  MPI_Comm payloads() const { return payloads_; }

 private:
  MpiGroup(const GroupOptions& options, std::unique_ptr<Store> store)
      : store_(std::move(store)), prefix_(options.prefix), names_(options.names), rank_(options.rank) {}
  Outcome collective(const Collective& c, const std::string& during, Clock::time_point deadline);
  Outcome compare(const Collective& c, const std::string& during, Clock::time_point deadline);
  Outcome exchange(const Header& mine, const std::string& during, Clock::time_point deadline, Milliseconds timeout);
  Outcome failed(const std::string& during, int error);
  Outcome timed_out(const std::string& during, Milliseconds timeout);
  int size() const { return static_cast<int>(names_.size()); }

  std::unique_ptr<Store> store_;
  std::string prefix_;
  std::vector<int> names_;
  int rank_ = 0;
  // Of their own, so that messages and collectives never meet.
  MPI_Comm collectives_ = MPI_COMM_NULL, prefaces_ = MPI_COMM_NULL, payloads_ = MPI_COMM_NULL;
  std::vector<char> headers_;  // everyone's, one after another
  std::atomic<uint32_t> next_message_{0};
  std::atomic<int> under_way_{0};
  std::atomic<bool> closed_{false};
};

}  // namespace flambeau::distributed
