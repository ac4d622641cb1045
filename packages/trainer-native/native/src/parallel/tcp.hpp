// A connection between any two processes, and the watch beside them.
#pragma once
#include <memory>
#include <vector>

#include "transport.hpp"
#include "watch.hpp"

namespace qt {

class TcpTransport : public Transport {
 public:
  // Rank 0 listens at `port`, and the others reach it at `host`.
  TcpTransport(const Membership& member, const std::string& host, std::uint16_t port, const std::function<bool()>& stop);
  Watch& watch() { return *watch_; }
  void exchange(std::span<const Outgoing> out, std::span<const Incoming> in) override;

 private:
  void meet(const Membership& member, const Socket& listener, const std::string& host, const std::function<bool()>& stop);
  [[noreturn]] void failed(int peer);
  std::vector<Socket> peers_;  // by rank; its own is closed
  std::unique_ptr<Watch> watch_;
};

}  // namespace qt
