#if !defined(_WIN32)
#include "tcp.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <stdexcept>

#include <poll.h>

#include "failure.hpp"
#include "wait.hpp"

namespace qt {
namespace {

constexpr int lookAtConnections = 256;  // of times that nothing moved

struct DataHello {
  std::uint32_t rank;
  JobKey key;
  char line[SharedLine::longestName];  // what memory it offers; "": none
};

using Length = std::uint64_t;

// The messages to and from one process that are not done yet. Each has its length at its head: who sends more or less than the other waits for
// does something else than that one, which would take the bytes for others, or wait for ever.
struct Line {
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  std::size_t sending = 0, sent = 0, receiving = 0, received = 0;  // which, and how much of it and its head
  Length length = 0;  // what the other says of the message that comes
  bool sends() const { return sending < out.size(); }
  bool receives() const { return receiving < in.size(); }

  // `write(from, bytes, more)` and `read(to, bytes)` say how many bytes they moved, or −1; so does this.
  template <class Write>
  std::ptrdiff_t send(const Write& write) {
    const Outgoing& message = out[sending];
    const Length announced = message.bytes;
    std::ptrdiff_t all = 0;
    if (sent < sizeof announced) {
      all = write(reinterpret_cast<const char*>(&announced) + sent, sizeof announced - sent, true);
      if (all <= 0) return all;
      sent += static_cast<std::size_t>(all);
      if (sent < sizeof announced) return all;
    }
    const std::size_t done = sent - sizeof announced;
    const auto taken = write(static_cast<const char*>(message.data) + done, message.bytes - done, false);
    if (taken < 0) return taken;
    sent += static_cast<std::size_t>(taken);
    if (sent == sizeof announced + message.bytes) {
      sent = 0;
      ++sending;
    }
    return all + taken;
  }
  template <class Read>
  std::ptrdiff_t receive(const Read& read) {
    const Incoming& message = in[receiving];
    std::ptrdiff_t all = 0;
    if (received < sizeof length) {
      all = read(reinterpret_cast<char*>(&length) + received, sizeof length - received);
      if (all <= 0) return all;
      received += static_cast<std::size_t>(all);
      if (received < sizeof length) return all;
      if (length != message.bytes) throwOtherLength(message.peer, std::to_string(length), message.bytes);
    }
    const std::size_t done = received - sizeof length;
    const auto got = read(static_cast<char*>(message.data) + done, message.bytes - done);
    if (got < 0) return got;
    received += static_cast<std::size_t>(got);
    if (received == sizeof length + message.bytes) {
      received = 0;
      ++receiving;
    }
    return all + got;
  }
};

}  // namespace

TcpTransport::TcpTransport(const Membership& member, const std::string& host, std::uint16_t port, bool sharedMemory, const std::function<bool()>& stop)
    : member_(member), peers_(member.size), unanswered_(member.size), lines_(member.size) {
  const Socket data = listenOn(0);
  Socket control = member.rank == 0 ? listenOn(port) : connectTo(host, port, Clock::now() + member.patience, stop);
  watch_ = std::make_unique<Watch>(member, std::move(control), portOf(data), stop);
  meet(data, host, sharedMemory, stop);
  watch_->whileThere([this] { return lost(); });
}

int TcpTransport::sharedLines() const {
  return static_cast<int>(std::count_if(lines_.begin(), lines_.end(), [](const auto& line) { return line != nullptr; }));
}

// Each connects to those before it, and waits for those after it.
void TcpTransport::meet(const Socket& listener, const std::string& host, bool sharedMemory, const std::function<bool()>& stop) {
  const Deadline deadline = Clock::now() + member_.patience;
  const auto over = [&] { return stop() || watch_->failed(); };
  const auto missing = [&]() -> void {
    if (watch_->failed()) throwFailure(*watch_);
    throw std::runtime_error(stop() ? "stopped while connecting" : "the processes could not connect to each other");
  };
  for (int rank = 0; rank < member_.rank; ++rank) {
    const Endpoint& endpoint = watch_->endpoints()[rank];
    try {
      // Who came to rank 0 through loopback is on its machine.
      const bool beside = rank == 0 || endpoint.host.starts_with("127.");
      peers_[rank] = connectTo(beside ? host : endpoint.host, endpoint.port, deadline, over);
    } catch (const std::exception&) {
      missing();
    }
    // Whoever finds the memory by its name is on this machine.
    std::unique_ptr<SharedLine> line = sharedMemory ? SharedLine::create() : nullptr;
    DataHello mine{static_cast<std::uint32_t>(member_.rank), member_.key, {}};
    if (line) std::snprintf(mine.line, sizeof mine.line, "%s", line->name().c_str());
    if (!sendWhole(peers_[rank], &mine, sizeof mine, deadline)) missing();
    for (unsigned char found = 0;;) {
      const auto got = receiveSome(peers_[rank], &found, sizeof found);
      if (got > 0) {
        if (found != 0) lines_[rank] = std::move(line);
        break;
      }
      if (got < 0 || over() || Clock::now() >= deadline) missing();
      pollfd p{peers_[rank].handle(), POLLIN, 0};
      poll(&p, 1, 100);
    }
    if (lines_[rank]) lines_[rank]->forget();
  }
  // Strangers, and those that say nothing, keep nobody from coming in.
  struct Pending {
    Socket socket;
    DataHello hello{};
    std::size_t got = 0;
    Deadline until = Clock::now() + strangersPatience;
  };
  std::vector<Pending> pending;
  for (int waiting = member_.size - 1 - member_.rank; waiting > 0;) {
    std::vector<pollfd> polled{{listener.handle(), POLLIN, 0}};
    for (const Pending& one : pending) polled.push_back({one.socket.handle(), POLLIN, 0});
    poll(polled.data(), polled.size(), 100);
    if (over() || Clock::now() >= deadline) missing();
    for (Pending& one : pending) {
      const auto got = receiveSome(one.socket, reinterpret_cast<char*>(&one.hello) + one.got, sizeof(DataHello) - one.got);
      one.got += static_cast<std::size_t>(std::max<std::ptrdiff_t>(got, 0));
      const bool whole = one.got == sizeof(DataHello);
      const int rank = static_cast<int>(one.hello.rank);
      if (whole && sameKey(one.hello.key, member_.key) && rank > member_.rank && rank < member_.size && !peers_[rank].open()) {
        one.hello.line[SharedLine::longestName - 1] = '\0';
        if (sharedMemory) lines_[rank] = SharedLine::attach(one.hello.line);
        const unsigned char found = lines_[rank] ? 1 : 0;
        if (!sendWhole(one.socket, &found, sizeof found, deadline)) missing();
        peers_[rank] = std::move(one.socket);
        --waiting;
      }
      if (whole || got < 0 || Clock::now() >= one.until) one.socket.close();
    }
    std::erase_if(pending, [](const Pending& one) { return !one.socket.open(); });
    for (Socket socket = acceptFrom(listener); socket.open(); socket = acceptFrom(listener)) pending.push_back({.socket = std::move(socket)});
  }
}

void TcpTransport::failed(int peer) {
  watch_->accuse(peer, "is no longer connected");
  throwFailure(*watch_);
}

// Whose machine has answered nothing for as long as one may be silent, though something is on its way there: each may still reach the first
// process, so that those who watch notice nothing. A process that takes nothing for a long time is none of these, as its machine answers.
std::optional<JobFailure> TcpTransport::lost() {
  for (std::size_t rank = 0; rank < peers_.size(); ++rank) {
    if (!peers_[rank].open() || lines_[rank]) continue;
    const Heard heard = heardOf(peers_[rank]);
    const auto now = Clock::now();
    std::optional<Clock::time_point>& since = unanswered_[rank];
    if (!heard.unanswered) since.reset();
    else if (!since || now - heard.ago > *since) since = now;
    if (since && now - *since > member_.patience)
      return JobFailure{static_cast<int>(rank), "has not answered rank " + std::to_string(member_.rank) + " for " + secondsText(member_.patience), false};
  }
  return std::nullopt;
}

void TcpTransport::exchange(std::span<const Outgoing> out, std::span<const Incoming> in) {
  std::vector<Line> lines(peers_.size());
  for (const Outgoing& o : out)
    if (o.bytes > 0) lines[o.peer].out.push_back(o);
  for (const Incoming& i : in)
    if (i.bytes > 0) lines[i.peer].in.push_back(i);
  std::vector<bool> gone(peers_.size());
  for (int looked = 0;;) {
    std::vector<pollfd> polled;
    std::vector<int> ranks;
    bool shared = false, moved = false;
    for (std::size_t rank = 0; rank < lines.size(); ++rank) {
      Line& line = lines[rank];
      if (!line.sends() && !line.receives()) continue;
      if (lines_[rank]) {
        shared = true;
        SharedLine& memory = *lines_[rank];
        if (line.receives())
          moved = line.receive([&](void* to, std::size_t bytes) { return static_cast<std::ptrdiff_t>(memory.receive(to, bytes)); }) > 0 || moved;
        if (line.sends())
          moved = line.send([&](const void* from, std::size_t bytes, bool) { return static_cast<std::ptrdiff_t>(memory.send(from, bytes)); }) > 0 || moved;
        continue;
      }
      polled.push_back({peers_[rank].handle(), static_cast<short>((line.sends() ? POLLOUT : 0) | (line.receives() ? POLLIN : 0)), 0});
      ranks.push_back(static_cast<int>(rank));
    }
    if (polled.empty() && !shared) return;
    if (!polled.empty()) poll(polled.data(), polled.size(), shared ? 0 : 20);
    if (watch_->failed()) throwFailure(*watch_);
    for (std::size_t i = 0; i < polled.size(); ++i) {
      const int rank = ranks[i];
      Line& line = lines[rank];
      if (line.receives() && (polled[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        const auto got = line.receive([&](void* to, std::size_t bytes) { return receiveSome(peers_[rank], to, bytes); });
        if (got < 0) failed(rank);
        moved = moved || got > 0;
      }
      if (line.sends() && (polled[i].revents & (POLLOUT | POLLHUP | POLLERR)) != 0) {
        const auto taken = line.send([&](const void* from, std::size_t bytes, bool more) { return sendSome(peers_[rank], from, bytes, more); });
        if (taken < 0) failed(rank);
        moved = moved || taken > 0;
      }
    }
    if (moved) looked = 0;
    else if (shared) {
      // Who has left in order is no failure of the job, but will not send either. Its connection says so; what it wrote before is there by then.
      const bool look = ++looked % lookAtConnections == 0;
      for (std::size_t rank = 0; look && rank < lines.size(); ++rank) {
        char none;
        if (!lines_[rank] || (!lines[rank].sends() && !lines[rank].receives())) continue;
        if (gone[rank]) failed(static_cast<int>(rank));
        gone[rank] = receiveSome(peers_[rank], &none, sizeof none) < 0;
      }
      waitALittle(looked);
    }
  }
}

}  // namespace qt
#endif
