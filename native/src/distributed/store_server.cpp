#ifndef _WIN32
#include "distributed/store_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

namespace flambeau::distributed {

// A get or wait that is not answered yet.
struct StoreServer::Waiting {
  Command command;
  std::vector<std::string> keys;
  Clock::time_point deadline;
};

struct StoreServer::Client {
  Socket socket;
  std::string in, out;
  bool greeted = false;
  std::optional<Waiting> waiting;
};

StoreServer::StoreServer(Socket listener, Socket wake_read, Socket wake_write)
    : listener_(std::move(listener)),
      wake_read_(std::move(wake_read)),
      wake_write_(std::move(wake_write)),
      thread_([this] { serve(); }) {}

StoreServer::~StoreServer() {
  wake_write_.reset();  // the other end of the pipe becomes readable
  thread_.join();
}

void StoreServer::serve() {
  std::vector<pollfd> entries;
  for (;;) {
    entries.clear();
    entries.push_back({wake_read_.fd(), POLLIN, 0});
    entries.push_back({listener_.fd(), POLLIN, 0});
    auto next = Clock::now() + std::chrono::hours(1);
    for (Client& client : clients_) {
      const short events = static_cast<short>(POLLIN | (client.out.empty() ? 0 : POLLOUT));
      entries.push_back({client.socket.fd(), events, 0});
      if (client.waiting) next = std::min(next, client.waiting->deadline);
    }
    const auto left = std::chrono::duration_cast<Milliseconds>(next - Clock::now()).count() + 1;
    const int count = poll(entries.data(), entries.size(), static_cast<int>(std::clamp<int64_t>(left, 0, 3600000)));
    if (count < 0 && errno != EINTR) return;
    if (count > 0) {
      if (entries[0].revents) return;
      size_t i = 2;
      for (auto client = clients_.begin(); client != clients_.end(); ++i) {
        const short events = entries[i].revents;
        bool alive = !(events & POLLOUT) || flush(*client);
        if (alive && (events & (POLLIN | POLLHUP | POLLERR))) alive = read_from(*client);
        client = alive ? std::next(client) : clients_.erase(client);
      }
      if (entries[1].revents) accept_clients();
    }
    settle();
  }
}

void StoreServer::accept_clients() {
  for (;;) {
    Socket socket(accept(listener_.fd(), nullptr, nullptr));
    if (!socket.open()) return;
    fcntl(socket.fd(), F_SETFD, FD_CLOEXEC);
    fcntl(socket.fd(), F_SETFL, fcntl(socket.fd(), F_GETFL) | O_NONBLOCK);
    clients_.push_back({std::move(socket), {}, {}, false, {}});
  }
}

bool StoreServer::read_from(Client& client) {
  char buffer[65536];
  for (;;) {
    const ssize_t got = recv(client.socket.fd(), buffer, sizeof buffer, 0);
    if (got == 0) return false;
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      return false;
    }
    client.in.append(buffer, static_cast<size_t>(got));
  }
  size_t at = 0;
  if (!client.greeted) {
    uint64_t greeting = 0;
    if (client.in.size() < sizeof greeting) return true;
    std::memcpy(&greeting, client.in.data(), sizeof greeting);
    if (greeting != kStoreGreeting) return false;
    client.greeted = true;
    at = sizeof greeting;
  }
  while (client.in.size() - at >= 4) {
    uint32_t size = 0;
    std::memcpy(&size, client.in.data() + at, 4);
    if (size > kMaxFrame) return false;
    if (client.in.size() - at - 4 < size) break;
    if (!handle(client, client.in.substr(at + 4, size))) return false;
    at += 4 + size;
  }
  client.in.erase(0, at);
  return true;
}

bool StoreServer::handle(Client& client, const std::string& request) {
  Reader reader(request);
  const auto command = static_cast<Command>(reader.byte());
  Writer done(static_cast<uint8_t>(Reply::done));
  const auto keys = [&] {
    std::vector<std::string> result;
    for (int64_t count = reader.number(); count > 0 && !reader.bad(); --count) result.push_back(reader.text());
    return result;
  };
  switch (command) {
    case Command::set: {
      const std::string key = reader.text();
      std::string value = reader.text();
      if (reader.bad()) return false;
      values_.map[key] = std::move(value);
      break;
    }
    case Command::add: {
      const std::string key = reader.text();
      const int64_t amount = reader.number();
      if (reader.bad()) return false;
      int64_t sum = 0;
      if (!values_.add(key, amount, sum)) {
        answer(client, Writer(static_cast<uint8_t>(Reply::refused)).text(values_.no_number(key)).frame());
        return true;
      }
      done.number(sum);
      break;
    }
    case Command::compare_set: {
      const std::string key = reader.text(), expected = reader.text(), desired = reader.text();
      if (reader.bad()) return false;
      done.text(values_.compare_set(key, expected, desired));
      break;
    }
    case Command::get:
    case Command::wait: {
      const int64_t timeout = reader.number();
      Waiting waiting{command, keys(), Clock::now() + Milliseconds(std::clamp<int64_t>(timeout, 0, 1LL << 40))};
      if (reader.bad() || client.waiting) return false;
      client.waiting = std::move(waiting);  // settle() answers
      return true;
    }
    case Command::check: {
      const auto wanted = keys();
      if (reader.bad()) return false;
      done.number(values_.missing(wanted).empty());
      break;
    }
    case Command::delete_key: {
      const std::string key = reader.text();
      if (reader.bad()) return false;
      done.number(static_cast<int64_t>(values_.map.erase(key)));
      break;
    }
    case Command::num_keys:
      done.number(static_cast<int64_t>(values_.map.size()));
      break;
    default:
      return false;
  }
  answer(client, done.frame());
  return true;
}

void StoreServer::settle() {
  const auto now = Clock::now();
  for (auto client = clients_.begin(); client != clients_.end();) {
    if (client->waiting) {
      const auto missing = values_.missing(client->waiting->keys);
      if (missing.empty()) {
        Writer done(static_cast<uint8_t>(Reply::done));
        if (client->waiting->command == Command::get) done.text(values_.map[client->waiting->keys.at(0)]);
        client->waiting.reset();
        answer(*client, done.frame());
      } else if (client->waiting->deadline <= now) {
        client->waiting.reset();
        answer(*client, Writer(static_cast<uint8_t>(Reply::timeout)).text(listed(missing)).frame());
      }
    }
    client = flush(*client) ? std::next(client) : clients_.erase(client);
  }
}

void StoreServer::answer(Client& client, std::string frame) { client.out += frame; }

bool StoreServer::flush(Client& client) {
  size_t at = 0;
  while (at < client.out.size()) {
#ifdef MSG_NOSIGNAL
    const ssize_t sent = send(client.socket.fd(), client.out.data() + at, client.out.size() - at, MSG_NOSIGNAL);
#else
    const ssize_t sent = send(client.socket.fd(), client.out.data() + at, client.out.size() - at, 0);
#endif
    if (sent > 0) {
      at += static_cast<size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR) {
      return false;
    }
  }
  client.out.erase(0, at);
  return true;
}

Outcome start_server(int& port, std::unique_ptr<StoreServer>& server) {
  Socket listener;
  if (Outcome outcome = listen_on(port, listener); !outcome.ok()) return outcome;
  int ends[2];
  if (pipe(ends) != 0) return {Failure::argument, std::string("pipe: ") + std::strerror(errno)};
  for (const int end : ends) fcntl(end, F_SETFD, FD_CLOEXEC);
  server = std::make_unique<StoreServer>(std::move(listener), Socket(ends[0]), Socket(ends[1]));
  return {};
}

}  // namespace flambeau::distributed
#endif
