// TCP sockets that are never waited on longer than was said.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace qt {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

class Socket {
 public:
  Socket() = default;
  explicit Socket(int handle) : handle_(handle) {}
  ~Socket() { close(); }
  Socket(Socket&& other) noexcept : handle_(std::exchange(other.handle_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      close();
      handle_ = std::exchange(other.handle_, -1);
    }
    return *this;
  }
  int handle() const { return handle_; }
  bool open() const { return handle_ >= 0; }
  void close();

 private:
  int handle_ = -1;
};

// On all interfaces; port 0 takes a free one. Throws where the port is taken.
Socket listenOn(std::uint16_t port);
std::uint16_t portOf(const Socket& listener);
// A connection that waits, not blocking; closed when there is none.
Socket acceptFrom(const Socket& listener);
// Where the other side is: its address as text.
std::string peerOf(const Socket& socket);

// Tries until the deadline or until `stop` says so; throws then. The socket does not block.
Socket connectTo(const std::string& host, std::uint16_t port, Deadline deadline, const std::function<bool()>& stop);

// Whole or not at all: false when the other side is gone or the deadline has passed.
bool sendWhole(const Socket& socket, const void* data, std::size_t bytes, Deadline deadline);
bool receiveWhole(const Socket& socket, void* data, std::size_t bytes, Deadline deadline);

// What the system knows of the other side, which answers for its machine, whatever its process is at.
struct Heard {
  bool unanswered = false;            // what was sent is sent again, in vain so far
  std::chrono::milliseconds ago{0};  // since anything came from there
};
// Nothing wrong where the system does not tell (Linux does).
Heard heardOf(const Socket& socket);

// What a socket that does not block took or gave; −1: the other side is gone. `more`: what follows at once may go with it.
std::ptrdiff_t sendSome(const Socket& socket, const void* data, std::size_t bytes, bool more = false);
std::ptrdiff_t receiveSome(const Socket& socket, void* data, std::size_t bytes);

}  // namespace qt
