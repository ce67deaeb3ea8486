// The process that holds a TCP store's values: one thread that answers every client.
#pragma once
#ifndef _WIN32
#include <list>
#include <memory>
#include <thread>

#include "distributed/socket.h"
#include "distributed/values.h"

namespace flambeau::distributed {

enum class Command : uint8_t { set, get, add, compare_set, wait, check, delete_key, num_keys };
enum class Reply : uint8_t { done, timeout, refused };

class StoreServer {
 public:
  StoreServer(Socket listener, Socket wake_read, Socket wake_write);
  ~StoreServer();

 private:
  struct Client;
  struct Waiting;

  void serve();
  void accept_clients();
  // False where the client is gone or does not speak our protocol.
  bool read_from(Client& client);
  bool handle(Client& client, const std::string& request);
  void answer(Client& client, std::string frame);
  bool flush(Client& client);
  void settle();  // answers those that wait for what is there now, or have waited long enough

  Socket listener_, wake_read_, wake_write_;
  Values values_;
  std::list<Client> clients_;
  std::thread thread_;
};

Outcome start_server(int& port, std::unique_ptr<StoreServer>& server);

}  // namespace flambeau::distributed
#endif
