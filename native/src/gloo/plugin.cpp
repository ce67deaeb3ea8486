// The shared library flambeau_gloo: all that Flambeau needs of Gloo.
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/store.h>
#include <gloo/transport/tcp/device.h>
#include <netdb.h>
#include <unistd.h>

#include <cstring>

#include "flambeau/kernels.gen.h"
#include "gloo/group.h"

namespace flambeau::distributed {
namespace {

// Our store, as Gloo wants it to find the other ranks' addresses.
class Rendezvous final : public gloo::rendezvous::Store {
 public:
  Rendezvous(distributed::Store& store, std::string prefix, Milliseconds timeout)
      : store_(store), prefix_(std::move(prefix)), timeout_(timeout) {}

  void set(const std::string& key, const std::vector<char>& data) override {
    check(store_.set(prefix_ + key, {data.begin(), data.end()}));
  }

  std::vector<char> get(const std::string& key) override {
    std::string value;
    check(store_.get(prefix_ + key, timeout_, value));
    return {value.begin(), value.end()};
  }

  void wait(const std::vector<std::string>& keys) override { wait(keys, timeout_); }

  void wait(const std::vector<std::string>& keys, const Milliseconds& timeout) override {
    std::vector<std::string> all;
    for (const std::string& key : keys) all.push_back(prefix_ + key);
    check(store_.wait(all, timeout));
  }

 private:
  static void check(const Outcome& outcome) {
    if (!outcome.ok()) throw std::runtime_error(outcome.message);
  }

  distributed::Store& store_;
  std::string prefix_;
  Milliseconds timeout_;
};

// Where the others reach this process: the interface asked for, the address that the store is reached from, this
// machine's own name where it has an address, or this machine alone.
gloo::transport::tcp::attr address_for(const GroupOptions& options, Store& store) {
  gloo::transport::tcp::attr attr;
  attr.iface = options.interface;
  if (!attr.iface.empty()) return attr;
  attr.hostname = store.local_address();
  if (!attr.hostname.empty()) return attr;
  char name[256] = "";
  addrinfo* found = nullptr;
  if (gethostname(name, sizeof name - 1) == 0 && getaddrinfo(name, nullptr, nullptr, &found) == 0 && found) {
    freeaddrinfo(found);
    attr.hostname = name;
  } else {
    attr.hostname = "127.0.0.1";
  }
  return attr;
}

Outcome open_group(const GroupOptions& options, std::unique_ptr<Group>& group) {
  try {
    std::unique_ptr<Store> store;
    if (Outcome outcome = options.store->clone(store); !outcome.ok()) return outcome;
    std::shared_ptr<gloo::transport::Device> device = gloo::transport::tcp::CreateDevice(address_for(options, *store));
    auto context = std::make_shared<gloo::rendezvous::Context>(options.rank, options.size);
    context->setTimeout(options.timeout);
    Rendezvous rendezvous(*store, options.prefix, options.timeout);
    context->connectFullMesh(rendezvous, device);
    group = std::make_unique<GlooGroup>(options, std::move(store), std::move(context));
    return {};
  } catch (const std::exception& error) {
    return {is_timeout(error.what()) ? Failure::timeout : Failure::connection,
            std::string("the ranks could not be connected: ") + error.what()};
  }
}

const GroupPlugin plugin{open_group};

}  // namespace
}  // namespace flambeau::distributed

extern "C" __attribute__((visibility("default"))) const flambeau::distributed::GroupPlugin* flambeau_gloo_open(
    const char* fingerprint) {
  return std::strcmp(fingerprint, flambeau::kFingerprint) == 0 ? &flambeau::distributed::plugin : nullptr;
}
