// The TCP store's client: a request and its answer at a time.
#include <algorithm>
#include <atomic>
#include <mutex>

#include "distributed/store_server.h"

namespace flambeau::distributed {
#ifdef _WIN32

Outcome open_tcp_store(const TcpStoreOptions&, std::unique_ptr<Store>&) {
  return {Failure::argument, "stores are not there on Windows"};
}

#else
namespace {

// A server that is reachable answers a timeout itself; this is for one that is not.
constexpr Milliseconds kGrace{5000};

class TcpStore final : public Store {
 public:
  TcpStore(TcpStoreOptions options, std::shared_ptr<StoreServer> server, Socket socket)
      : options_(std::move(options)), server_(std::move(server)), socket_(std::move(socket)) {}

  Outcome set(const std::string& key, const std::string& value) override {
    return exchange(Writer(code(Command::set)).text(key).text(value), options_.timeout, [](Reader&) {});
  }

  Outcome get(const std::string& key, Milliseconds timeout, std::string& value) override {
    return exchange(Writer(code(Command::get)).number(timeout.count()).number(1).text(key), timeout,
                    [&](Reader& reader) { value = reader.text(); });
  }

  Outcome add(const std::string& key, int64_t amount, int64_t& sum) override {
    return exchange(Writer(code(Command::add)).text(key).number(amount), options_.timeout,
                    [&](Reader& reader) { sum = reader.number(); });
  }

  Outcome compare_set(const std::string& key, const std::string& expected, const std::string& desired,
                      std::string& value) override {
    return exchange(Writer(code(Command::compare_set)).text(key).text(expected).text(desired), options_.timeout,
                    [&](Reader& reader) { value = reader.text(); });
  }

  Outcome wait(const std::vector<std::string>& keys, Milliseconds timeout) override {
    Writer writer(code(Command::wait));
    return exchange(with(writer.number(timeout.count()), keys), timeout, [](Reader&) {});
  }

  Outcome check(const std::vector<std::string>& keys, bool& all) override {
    Writer writer(code(Command::check));
    return exchange(with(writer, keys), options_.timeout, [&](Reader& reader) { all = reader.number() != 0; });
  }

  Outcome delete_key(const std::string& key, bool& deleted) override {
    return exchange(Writer(code(Command::delete_key)).text(key), options_.timeout,
                    [&](Reader& reader) { deleted = reader.number() != 0; });
  }

  Outcome num_keys(int64_t& count) override {
    Writer writer(code(Command::num_keys));
    return exchange(writer, options_.timeout, [&](Reader& reader) { count = reader.number(); });
  }

  Outcome clone(std::unique_ptr<Store>& copy) override {
    TcpStoreOptions options = options_;
    options.server = false;
    return open_tcp_store(options, copy);
  }

  void limit(Milliseconds timeout) override {
    const std::lock_guard lock(mutex_);
    options_.timeout = timeout;
    grace_ = std::min(timeout, kGrace);
  }

  std::string local_address() override { return socket_.local_address(); }
  int port() override { return options_.port; }

  void close() override {
    closed_ = true;
    socket_.interrupt();
    const std::lock_guard lock(mutex_);
    server_.reset();
  }

 private:
  static uint8_t code(Command command) { return static_cast<uint8_t>(command); }

  static Writer& with(Writer& writer, const std::vector<std::string>& keys) {
    writer.number(static_cast<int64_t>(keys.size()));
    for (const std::string& key : keys) writer.text(key);
    return writer;
  }

  template <typename Read>
  Outcome exchange(Writer& writer, Milliseconds timeout, Read&& read) {
    const std::lock_guard lock(mutex_);
    if (closed_) return {Failure::connection, "the store is closed"};
    const std::string& frame = writer.frame();
    if (frame.size() - 4 > kMaxFrame) return {Failure::argument, "a value of 256 MB or more"};
    const auto deadline = Clock::now() + timeout + grace_;
    std::string answer;
    Outcome outcome = socket_.send_all(frame.data(), frame.size(), deadline);
    if (outcome.ok()) outcome = receive(answer, deadline);
    if (!outcome.ok()) {
      // An answer that comes later must not be taken for that of the next request.
      closed_ = true;
      const char* ended = outcome.failure == Failure::timeout ? " does not answer" : " is gone (";
      std::string message = "the store at " + options_.host + ":" + std::to_string(options_.port) + ended;
      if (outcome.failure != Failure::timeout) message += outcome.message + ")";
      return {Failure::connection, std::move(message)};
    }
    Reader reader(answer);
    const auto reply = static_cast<Reply>(reader.byte());
    if (reply == Reply::timeout)
      return {Failure::timeout, "waited " + std::to_string(timeout.count()) + " ms for " + reader.text()};
    if (reply == Reply::refused) return {Failure::argument, reader.text()};
    read(reader);
    if (reply != Reply::done || reader.bad()) return {Failure::connection, "the store gave an answer that is none"};
    return {};
  }
  template <typename Read>
  Outcome exchange(Writer&& writer, Milliseconds timeout, Read&& read) {
    return exchange(writer, timeout, std::forward<Read>(read));
  }

  Outcome receive(std::string& answer, Clock::time_point deadline) {
    uint32_t size = 0;
    if (Outcome outcome = socket_.receive_all(&size, sizeof size, deadline); !outcome.ok()) return outcome;
    if (size > kMaxFrame) return {Failure::connection, "an answer that is none"};
    answer.resize(size);
    return socket_.receive_all(answer.data(), size, deadline);
  }

  TcpStoreOptions options_;
  Milliseconds grace_ = kGrace;
  std::shared_ptr<StoreServer> server_;
  Socket socket_;
  std::mutex mutex_;
  std::atomic<bool> closed_{false};
};

}  // namespace

Outcome open_tcp_store(const TcpStoreOptions& given, std::unique_ptr<Store>& store) {
  TcpStoreOptions options = given;
  std::unique_ptr<StoreServer> server;
  if (options.server)
    if (Outcome outcome = start_server(options.port, server); !outcome.ok()) return outcome;
  const auto deadline = Clock::now() + options.timeout;
  Socket socket;
  Outcome outcome = connect_to(options.host, options.port, deadline, socket);
  if (outcome.ok()) outcome = socket.send_all(&kStoreGreeting, sizeof kStoreGreeting, deadline);
  if (!outcome.ok()) {
    outcome.message = "no store could be reached at " + options.host + ":" + std::to_string(options.port) + " within " +
                      std::to_string(options.timeout.count()) + " ms: " + outcome.message;
    return outcome;
  }
  auto opened = std::make_unique<TcpStore>(options, std::move(server), std::move(socket));
  // Something else may listen on that port: one exchange tells.
  int64_t count = 0;
  outcome = opened->num_keys(count);
  if (!outcome.ok()) {
    outcome.message = "what listens on " + options.host + ":" + std::to_string(options.port) +
                      " is no store of Flambeau's: " + outcome.message;
    return outcome;
  }
  store = std::move(opened);
  return {};
}

#endif
}  // namespace flambeau::distributed
