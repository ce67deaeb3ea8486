// A store in a file that every process can reach: records are appended under a lock, and read by whoever comes later.
#ifndef _WIN32
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <thread>

#include "distributed/socket.h"
#include "distributed/values.h"
#endif
#include "flambeau/distributed.h"

namespace flambeau::distributed {
#ifdef _WIN32

Outcome open_file_store(const std::string&, std::unique_ptr<Store>&) {
  return {Failure::argument, "stores are not there on Windows"};
}

#else
namespace {

constexpr Milliseconds kPause{10};
// How many processes have the file open: the last one deletes it.
const std::string kUsers = "flambeau/users";

class FileStore final : public Store {
 public:
  FileStore(std::string path, int fd) : path_(std::move(path)), file_(fd) {}
  ~FileStore() override { close(); }

  Outcome begin() {
    int64_t users = 0;
    return add(kUsers, 1, users);
  }

  Outcome set(const std::string& key, const std::string& value) override {
    return locked([&] { return put(key, value); });
  }

  Outcome get(const std::string& key, Milliseconds timeout, std::string& value) override {
    Outcome outcome = wait({key}, timeout);
    if (outcome.ok()) {
      const std::lock_guard lock(mutex_);
      value = values_.map[key];
    }
    return outcome;
  }

  Outcome add(const std::string& key, int64_t amount, int64_t& sum) override {
    return locked([&] {
      if (!values_.add(key, amount, sum)) return Outcome{Failure::argument, values_.no_number(key)};
      return put(key, std::to_string(sum));
    });
  }

  Outcome compare_set(const std::string& key, const std::string& expected, const std::string& desired,
                      std::string& value) override {
    return locked([&] {
      const bool had = values_.has(key);
      value = values_.compare_set(key, expected, desired);
      return values_.has(key) || had ? put(key, value) : Outcome{};
    });
  }

  Outcome wait(const std::vector<std::string>& keys, Milliseconds timeout) override {
    const auto deadline = Clock::now() + timeout;
    for (;;) {
      std::vector<std::string> missing;
      const Outcome outcome = locked([&] {
        missing = values_.missing(keys);
        return Outcome{};
      });
      if (!outcome.ok() || missing.empty()) return outcome;
      if (Clock::now() >= deadline)
        return {Failure::timeout, "waited " + std::to_string(timeout.count()) + " ms for " + listed(missing)};
      std::this_thread::sleep_for(kPause);
    }
  }

  Outcome check(const std::vector<std::string>& keys, bool& all) override {
    return locked([&] {
      all = values_.missing(keys).empty();
      return Outcome{};
    });
  }

  Outcome delete_key(const std::string& key, bool& deleted) override {
    return locked([&] {
      deleted = values_.has(key);
      return deleted ? write('-', key, {}) : Outcome{};
    });
  }

  Outcome num_keys(int64_t& count) override {
    return locked([&] {
      count = static_cast<int64_t>(values_.map.size() - values_.map.count(kUsers));
      return Outcome{};
    });
  }

  Outcome clone(std::unique_ptr<Store>& copy) override { return open_file_store(path_, copy); }

  void close() override {
    if (closed_.exchange(true)) return;
    const std::lock_guard lock(mutex_);
    flock(file_.fd(), LOCK_EX);
    read_new();
    int64_t users = 0;
    if (!values_.add(kUsers, -1, users) || users <= 0)
      unlink(path_.c_str());
    else
      write('+', kUsers, std::to_string(users));
    flock(file_.fd(), LOCK_UN);
    file_.reset();
  }

 private:
  template <typename Body>
  Outcome locked(Body&& body) {
    const std::lock_guard lock(mutex_);
    if (closed_) return {Failure::connection, "the store is closed"};
    while (flock(file_.fd(), LOCK_EX) != 0)
      if (errno != EINTR) return failed("cannot be locked");
    Outcome outcome = read_new();
    if (outcome.ok()) outcome = body();
    flock(file_.fd(), LOCK_UN);
    return outcome;
  }

  Outcome failed(const char* what) const {
    return {Failure::connection, "the file '" + path_ + "' " + what + ": " + std::strerror(errno)};
  }

  Outcome put(const std::string& key, const std::string& value) { return write('+', key, value); }

  Outcome write(char kind, const std::string& key, const std::string& value) {
    const std::string frame = Writer(static_cast<uint8_t>(kind)).text(key).text(value).frame();
    if (frame.size() - 4 > kMaxFrame) return {Failure::argument, "a value of 256 MB or more"};
    size_t at = 0;
    while (at < frame.size()) {
      const ssize_t count =
          pwrite(file_.fd(), frame.data() + at, frame.size() - at, position_ + static_cast<off_t>(at));
      if (count < 0 && errno != EINTR) return failed("cannot be written");
      if (count > 0) at += static_cast<size_t>(count);
    }
    position_ += static_cast<off_t>(frame.size());
    apply(frame.substr(4));
    return {};
  }

  void apply(const std::string& record) {
    Reader reader(record);
    const char kind = static_cast<char>(reader.byte());
    const std::string key = reader.text();
    std::string value = reader.text();
    if (reader.bad()) return;
    if (kind == '+')
      values_.map[key] = std::move(value);
    else
      values_.map.erase(key);
  }

  // What others have appended. Half a record at the end is one that its writer did not live to finish.
  Outcome read_new() {
    for (;;) {
      uint32_t size = 0;
      const ssize_t got = pread(file_.fd(), &size, 4, position_);
      if (got < 0) return failed("cannot be read");
      if (got < 4) return {};
      if (size > kMaxFrame) return {Failure::argument, "the file '" + path_ + "' is no store of Flambeau's"};
      std::string record(size, 0);
      const ssize_t read = pread(file_.fd(), record.data(), size, position_ + 4);
      if (read < 0) return failed("cannot be read");
      if (read < static_cast<ssize_t>(size)) return {};
      apply(record);
      position_ += static_cast<off_t>(size) + 4;
    }
  }

  std::string path_;
  Socket file_;  // closes it
  off_t position_ = 0;
  Values values_;
  std::mutex mutex_;
  std::atomic<bool> closed_{false};
};

}  // namespace

Outcome open_file_store(const std::string& path, std::unique_ptr<Store>& store) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return {Failure::argument, "the file '" + path + "' cannot be opened: " + std::strerror(errno)};
  auto opened = std::make_unique<FileStore>(path, fd);
  if (Outcome outcome = opened->begin(); !outcome.ok()) return outcome;
  store = std::move(opened);
  return {};
}

#endif
}  // namespace flambeau::distributed
