// A group of processes on NCCL, each with a device of its own. Nothing blocks: what is under way is looked after until
// it is done, time is up or another rank has failed.
#pragma once
#include <atomic>
#include <map>

#include "groups/header.h"
#include "nccl/communicator.h"

namespace flambeau::distributed {

// What is waited for, and how long.
struct Watch {
  std::string during;
  Clock::time_point deadline;
  Milliseconds timeout{0};
};

class NcclGroup final : public Group {
 public:
  static Outcome open(const GroupOptions& options, const nccl::Functions& functions, std::shared_ptr<NcclDevice> device,
                      std::unique_ptr<Group>& group);
  ~NcclGroup() override { close(); }

  Mark mark() override { return device_->mark(); }
  Outcome run(const Collective& collective) override;
  std::unique_ptr<Transfer> send(const Message& message) override;
  std::unique_ptr<Transfer> receive(const Message& message) override;
  void close() override;

 private:
  friend class NcclTransfer;

  // Messages in one direction, one after another: they wait neither for collectives nor for those the other way.
  struct Channel {
    std::unique_ptr<Communicator> communicator;  // made for the first message
    std::unique_ptr<DeviceMemory> device, host;  // where the preface travels
    std::atomic<uint64_t> taken{0}, served{0};
  };
  // What somebody waits for; counts those who do.
  class UnderWay {
   public:
    explicit UnderWay(std::atomic<int>& count) : count_(count) { ++count_; }
    ~UnderWay() { --count_; }

   private:
    std::atomic<int>& count_;
  };
  // Whether it is done; what went wrong otherwise, or nothing.
  using Look = std::function<bool(std::string& wrong)>;

  NcclGroup(const GroupOptions& options, const nccl::Functions& functions, std::shared_ptr<NcclDevice> device,
            std::unique_ptr<Store> store);
  Outcome compare(const Collective& c, const Watch& watch);
  Outcome compare_counts(const Collective& c, const Header& own, const Watch& watch);
  Outcome collective(const Collective& c, const Watch& watch);
  int call(const Collective& c, int type, int op, size_t parts, nccl::Comm comm, nccl::Stream stream) const;
  // Gives everyone what each has: `all_` then holds `nbytes` of each rank.
  Outcome exchange(const void* own, size_t nbytes, const Watch& watch);
  std::string make_room(size_t nbytes);

  // Joins ranks that meet under `key` in the store.
  Outcome connect(Communicator& communicator, const std::string& key, int ranks, int rank, const Watch& watch);
  // Makes calls, and waits until NCCL has put them into the stream.
  Outcome launch(Communicator& communicator, const Watch& watch, const Communicator::Calls& calls);
  // Waits until the device has done what the stream was asked for.
  Outcome complete(Communicator& communicator, const Watch& watch);
  Outcome poll(const Watch& watch, const Look& look);

  Outcome usable(const std::string& during);
  Outcome broken();
  Outcome failed(const Watch& watch, const std::string& what);
  Outcome timed_out(const Watch& watch);
  bool somebody_failed();
  std::string word_of(int rank);
  std::string key_of(int rank) const { return prefix_ + "failed/" + std::to_string(rank); }
  std::string name_of_rank(int rank) const { return std::to_string(names_[static_cast<size_t>(rank)]); }
  int size() const { return static_cast<int>(names_.size()); }
  Channel& channel(int peer, bool sends);

  const nccl::Functions& functions_;
  std::shared_ptr<NcclDevice> device_;
  std::unique_ptr<Store> store_;
  std::string prefix_;
  std::vector<int> names_;
  int rank_ = 0;
  // What ranks say to each other: everyone's, and this rank's own after it.
  std::unique_ptr<DeviceMemory> said_, all_;
  std::unique_ptr<Communicator> communicator_;
  std::mutex channels_mutex_;
  std::map<std::pair<int, bool>, Channel> channels_;
  std::mutex broken_mutex_;
  Outcome broken_;  // the first failure: communicators do not survive one
  std::atomic<int> under_way_{0};
  std::atomic<bool> closed_{false};
};

}  // namespace flambeau::distributed
