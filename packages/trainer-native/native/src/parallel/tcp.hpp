// A connection between any two processes, and the watch beside them. Two of one machine send through memory that they share.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "shared_line.hpp"
#include "transport.hpp"
#include "watch.hpp"

namespace qt {

class TcpTransport : public Transport {
 public:
  // Rank 0 listens at `port`, and the others reach it at `host`.
  TcpTransport(const Membership& member, const std::string& host, std::uint16_t port, bool sharedMemory, const std::function<bool()>& stop);
  // How many of the others it reaches through memory.
  int sharedLines() const;
  Watch& watch() { return *watch_; }
  void exchange(std::span<const Outgoing> out, std::span<const Incoming> in) override;

 private:
  void meet(const Socket& listener, const std::string& host, bool sharedMemory, const std::function<bool()>& stop);
  [[noreturn]] void failed(int peer);
  std::optional<JobFailure> lost();
  Membership member_;
  std::vector<Socket> peers_;  // by rank; its own is closed
  std::vector<std::optional<Clock::time_point>> unanswered_;  // by rank: since when; on the watching thread
  std::vector<std::unique_ptr<SharedLine>> lines_;  // by rank; null: over the socket
  std::unique_ptr<Watch> watch_;
};

}  // namespace qt
