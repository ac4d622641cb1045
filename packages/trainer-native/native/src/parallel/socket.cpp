#if !defined(_WIN32)
#include "socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace qt {
namespace {

void prepare(int handle) {
  fcntl(handle, F_SETFL, fcntl(handle, F_GETFL, 0) | O_NONBLOCK);
  fcntl(handle, F_SETFD, FD_CLOEXEC);
  const int on = 1;
  setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int millisecondsTo(Deadline deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, 1000));
}

// Waits until the socket can be read or written; false when the deadline has passed.
bool ready(int handle, short events, Deadline deadline) {
  for (;;) {
    pollfd p{handle, events, 0};
    if (poll(&p, 1, millisecondsTo(deadline)) > 0) return true;
    if (Clock::now() >= deadline) return false;
  }
}

// One attempt at one address.
// Where nobody listens yet, the system may give a connection the very port that it goes to, and join its two ends.
bool meetsItself(const Socket& socket) {
  sockaddr_in here{}, there{};
  socklen_t own = sizeof here, other = sizeof there;
  return getsockname(socket.handle(), reinterpret_cast<sockaddr*>(&here), &own) == 0 &&
         getpeername(socket.handle(), reinterpret_cast<sockaddr*>(&there), &other) == 0 && here.sin_port == there.sin_port &&
         here.sin_addr.s_addr == there.sin_addr.s_addr;
}

Socket attempt(const addrinfo& address, Deadline deadline) {
  Socket socket(::socket(address.ai_family, address.ai_socktype, address.ai_protocol));
  if (!socket.open()) return {};
  prepare(socket.handle());
  if (connect(socket.handle(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS || !ready(socket.handle(), POLLOUT, std::min(deadline, Clock::now() + std::chrono::seconds(5)))) return {};
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(socket.handle(), SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0) return {};
  }
  if (meetsItself(socket)) return {};
  return socket;
}

}  // namespace

void Socket::close() {
  if (handle_ >= 0) ::close(handle_);
  handle_ = -1;
}

Socket listenOn(std::uint16_t port) {
  Socket socket(::socket(AF_INET, SOCK_STREAM, 0));
  if (!socket.open()) throw std::runtime_error(std::string("the system gives no socket: ") + std::strerror(errno));
  prepare(socket.handle());
  const int on = 1;
  setsockopt(socket.handle(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  address.sin_port = htons(port);
  if (bind(socket.handle(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(socket.handle(), 1024) != 0)
    throw std::runtime_error("port " + std::to_string(port) + " cannot be listened on: " + std::strerror(errno));
  return socket;
}

std::uint16_t portOf(const Socket& listener) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  getsockname(listener.handle(), reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

Socket acceptFrom(const Socket& listener) {
  Socket socket(accept(listener.handle(), nullptr, nullptr));
  if (socket.open()) prepare(socket.handle());
  return socket;
}

std::string peerOf(const Socket& socket) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  char text[INET_ADDRSTRLEN] = "";
  if (getpeername(socket.handle(), reinterpret_cast<sockaddr*>(&address), &length) == 0) inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  return text;
}

Socket connectTo(const std::string& host, std::uint16_t port, Deadline deadline, const std::function<bool()>& stop) {
  const std::string place = host + ":" + std::to_string(port);
  for (;;) {
    addrinfo hints{}, *list = nullptr;
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    const int failed = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> held(list, [](addrinfo* a) {
      if (a != nullptr) freeaddrinfo(a);
    });
    for (const addrinfo* a = list; a != nullptr; a = a->ai_next)
      if (Socket socket = attempt(*a, deadline); socket.open()) return socket;
    if (stop()) throw std::runtime_error("stopped while connecting to " + place);
    // A machine that is still being started may have no name yet.
    if (Clock::now() >= deadline) throw std::runtime_error(failed != 0 ? host + " is no known host: " + gai_strerror(failed) : "nobody answers at " + place);
    std::this_thread::sleep_for(std::chrono::milliseconds(failed != 0 ? 500 : 50));
  }
}

Heard heardOf(const Socket& socket) {
#if defined(__linux__)
  tcp_info info{};
  socklen_t length = sizeof info;
  if (getsockopt(socket.handle(), IPPROTO_TCP, TCP_INFO, &info, &length) == 0)
    return {info.tcpi_retransmits > 0 || info.tcpi_probes > 0, std::chrono::milliseconds(std::min(info.tcpi_last_ack_recv, info.tcpi_last_data_recv))};
#endif
  return {};
}

std::ptrdiff_t sendSome(const Socket& socket, const void* data, std::size_t bytes, bool more) {
#if defined(MSG_MORE)
  const int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
#else
  const int flags = MSG_NOSIGNAL;
#endif
  const auto sent = send(socket.handle(), data, bytes, flags);
  if (sent >= 0) return sent;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
}

std::ptrdiff_t receiveSome(const Socket& socket, void* data, std::size_t bytes) {
  const auto got = recv(socket.handle(), data, bytes, 0);
  if (got > 0) return got;
  if (got == 0) return -1;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
}

bool sendWhole(const Socket& socket, const void* data, std::size_t bytes, Deadline deadline) {
  for (std::size_t done = 0; done < bytes;) {
    const auto sent = sendSome(socket, static_cast<const char*>(data) + done, bytes - done);
    if (sent < 0) return false;
    done += static_cast<std::size_t>(sent);
    if (sent == 0 && !ready(socket.handle(), POLLOUT, deadline)) return false;
  }
  return true;
}

bool receiveWhole(const Socket& socket, void* data, std::size_t bytes, Deadline deadline) {
  for (std::size_t done = 0; done < bytes;) {
    const auto got = receiveSome(socket, static_cast<char*>(data) + done, bytes - done);
    if (got < 0) return false;
    done += static_cast<std::size_t>(got);
    if (got == 0 && !ready(socket.handle(), POLLIN, deadline)) return false;
  }
  return true;
}

}  // namespace qt
#endif
