#ifndef _WIN32
#include "distributed/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

namespace flambeau::distributed {
namespace {

#ifdef MSG_NOSIGNAL
constexpr int kSendFlags = MSG_NOSIGNAL;
#else
constexpr int kSendFlags = 0;
#endif

Outcome system_error(const char* what, int error) {
  return {Failure::connection, std::string(what) + ": " + std::strerror(error)};
}

// What is left, as poll wants it.
int left(Clock::time_point deadline) {
  const auto ms = std::chrono::duration_cast<Milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(ms, 0, 1 << 30));
}

Outcome ready(int fd, short events, Clock::time_point deadline) {
  pollfd entry{fd, events, 0};
  for (;;) {
    const int count = poll(&entry, 1, left(deadline));
    if (count > 0) return {};
    if (count == 0) return {Failure::timeout, "no answer in time"};
    if (errno != EINTR) return system_error("poll", errno);
  }
}

void configure(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
#ifdef SO_NOSIGPIPE
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
}

Outcome connect_once(const addrinfo& address, Clock::time_point deadline, Socket& socket) {
  Socket candidate(::socket(address.ai_family, SOCK_STREAM, 0));
  if (!candidate.open()) return system_error("socket", errno);
  configure(candidate.fd());
  if (connect(candidate.fd(), address.ai_addr, address.ai_addrlen) != 0 && errno != EINPROGRESS)
    return system_error("connect", errno);
  // One address that does not answer must not take all the time that there is.
  const auto soon = std::min(deadline, Clock::now() + std::chrono::seconds(10));
  if (Outcome outcome = ready(candidate.fd(), POLLOUT, soon); !outcome.ok()) return outcome;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(candidate.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return system_error("connect", error);
  socket = std::move(candidate);
  return {};
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

void Socket::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void Socket::interrupt() const {
  if (fd_ >= 0) shutdown(fd_, SHUT_RDWR);
}

Outcome Socket::send_all(const void* data, size_t size, Clock::time_point deadline) const {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t sent = ::send(fd_, bytes, size, kSendFlags);
    if (sent > 0) {
      bytes += sent;
      size -= static_cast<size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (Outcome outcome = ready(fd_, POLLOUT, deadline); !outcome.ok()) return outcome;
    } else if (errno != EINTR) {
      return system_error("send", errno);
    }
  }
  return {};
}

Outcome Socket::receive_all(void* data, size_t size, Clock::time_point deadline) const {
  char* bytes = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t got = recv(fd_, bytes, size, 0);
    if (got > 0) {
      bytes += got;
      size -= static_cast<size_t>(got);
    } else if (got == 0) {
      return {Failure::connection, "the other side closed the connection"};
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (Outcome outcome = ready(fd_, POLLIN, deadline); !outcome.ok()) return outcome;
    } else if (errno != EINTR) {
      return system_error("receive", errno);
    }
  }
  return {};
}

std::string Socket::local_address() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  char text[NI_MAXHOST] = "";
  if (getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  if (getnameinfo(reinterpret_cast<sockaddr*>(&address), size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0)
    return {};
  const std::string name = text;
  // An IPv4 connection to a server that listens on both.
  return name.starts_with("::ffff:") ? name.substr(7) : name;
}

Outcome connect_to(const std::string& host, int port, Clock::time_point deadline, Socket& socket) {
  Outcome last{Failure::timeout, "no time left"};
  for (auto pause = Milliseconds(10);; pause = std::min(pause * 2, Milliseconds(500))) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    const int failed = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (failed != 0) {
      last = {Failure::argument, "the address '" + host + "' cannot be resolved: " + gai_strerror(failed)};
      // A name server that does not answer may do so later; a name that does not exist will not.
      if (failed != EAI_AGAIN) return last;
    }
    for (const addrinfo* address = found; address; address = address->ai_next) {
      last = connect_once(*address, deadline, socket);
      if (last.ok()) break;
    }
    if (found) freeaddrinfo(found);
    if (last.ok()) return {};
    if (Clock::now() + pause >= deadline) return {Failure::timeout, last.message};
    std::this_thread::sleep_for(pause);
  }
}

Outcome listen_on(int& port, Socket& socket) {
  // IPv6 takes IPv4 connections too; where there is no IPv6, IPv4 alone.
  for (const int family : {AF_INET6, AF_INET}) {
    Socket candidate(::socket(family, SOCK_STREAM, 0));
    if (!candidate.open()) continue;
    configure(candidate.fd());
    const int on = 1, off = 0;
    setsockopt(candidate.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_storage address{};
    socklen_t size = 0;
    if (family == AF_INET6) {
      setsockopt(candidate.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
      auto& in6 = reinterpret_cast<sockaddr_in6&>(address);
      in6.sin6_family = AF_INET6;
      in6.sin6_port = htons(static_cast<uint16_t>(port));
      size = sizeof in6;
    } else {
      auto& in4 = reinterpret_cast<sockaddr_in&>(address);
      in4.sin_family = AF_INET;
      in4.sin_port = htons(static_cast<uint16_t>(port));
      size = sizeof in4;
    }
    if (bind(candidate.fd(), reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(candidate.fd(), 1024) != 0) {
      const int error = errno;
      if (error == EADDRINUSE) return {Failure::argument, "port " + std::to_string(port) + " is in use"};
      if (family == AF_INET6) continue;
      return {Failure::argument, "port " + std::to_string(port) + " cannot be used: " + std::strerror(error)};
    }
    size = sizeof address;
    getsockname(candidate.fd(), reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                    : reinterpret_cast<sockaddr_in&>(address).sin_port);
    socket = std::move(candidate);
    return {};
  }
  return {Failure::argument, "port " + std::to_string(port) + " cannot be used: this system has no IP sockets"};
}

bool Reader::take(void* into, size_t size) {
  if (bad_ || size > bytes_.size() - at_) {
    bad_ = true;
    return false;
  }
  std::memcpy(into, bytes_.data() + at_, size);
  at_ += size;
  return true;
}

uint8_t Reader::byte() {
  uint8_t value = 0;
  take(&value, 1);
  return value;
}

int64_t Reader::number() {
  int64_t value = 0;
  take(&value, sizeof value);
  return value;
}

std::string Reader::text() {
  const int64_t size = number();
  if (bad_ || size < 0 || static_cast<uint64_t>(size) > bytes_.size() - at_) {
    bad_ = true;
    return {};
  }
  std::string value = bytes_.substr(at_, static_cast<size_t>(size));
  at_ += static_cast<size_t>(size);
  return value;
}

}  // namespace flambeau::distributed
#endif
