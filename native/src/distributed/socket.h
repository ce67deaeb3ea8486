// Blocking sockets with deadlines, for the TCP store.
#pragma once
#ifndef _WIN32
#include <string>

#include "flambeau/distributed.h"

namespace flambeau::distributed {

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { reset(); }

  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void reset();
  // Wakes whoever waits on it, from any thread.
  void interrupt() const;

  Outcome send_all(const void* data, size_t size, Clock::time_point deadline) const;
  Outcome receive_all(void* data, size_t size, Clock::time_point deadline) const;
  // The numeric address of this end.
  std::string local_address() const;

 private:
  int fd_ = -1;
};

// Tries again until the deadline: the server may not be there yet.
Outcome connect_to(const std::string& host, int port, Clock::time_point deadline, Socket& socket);
// Port 0 takes a free one; `port` is the one taken.
Outcome listen_on(int& port, Socket& socket);

// Frames: lengths and numbers are in this machine's byte order, which the greeting makes sure of.
inline constexpr uint64_t kStoreGreeting = 0x666c616d62656175;
inline constexpr uint32_t kMaxFrame = 1u << 28;

class Writer {
 public:
  explicit Writer(uint8_t first) {
    bytes_.assign(4, 0);
    bytes_.push_back(static_cast<char>(first));
  }
  Writer& number(int64_t value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Writer& text(const std::string& value) {
    number(static_cast<int64_t>(value.size()));
    bytes_ += value;
    return *this;
  }
  const std::string& frame() {
    const auto size = static_cast<uint32_t>(bytes_.size() - 4);
    bytes_.replace(0, 4, reinterpret_cast<const char*>(&size), 4);
    return bytes_;
  }

 private:
  std::string bytes_;
};

// Reads what a Writer wrote; whatever is missing makes it bad.
class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {}
  uint8_t byte();
  int64_t number();
  std::string text();
  bool bad() const { return bad_; }

 private:
  bool take(void* into, size_t size);
  const std::string& bytes_;
  size_t at_ = 0;
  bool bad_ = false;
};

}  // namespace flambeau::distributed
#endif
