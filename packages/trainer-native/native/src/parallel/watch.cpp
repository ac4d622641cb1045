#if !defined(_WIN32)
#include "watch.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace qt {
namespace {

constexpr std::uint32_t magic = 0x346a7471;  // "qtj4": the number of what processes say to each other
constexpr std::size_t longestText = 1 << 16;
constexpr auto tellPatience = std::chrono::milliseconds(500);
// That rank 0 tells of when not all have come.
constexpr std::size_t mostRefusals = 4;
// More often where the patience is short.
constexpr std::chrono::milliseconds pingEvery = std::chrono::seconds(2), lookEvery{500};
// What those who left had taken part in to its end has arrived by then.
constexpr auto afterLeaving = std::chrono::seconds(3);

enum Type : std::uint32_t { Table = 1, Refuse, Fail, Leave, Ping };

struct Hello {
  std::uint32_t magic, rank, size, dataPort;
  JobKey key;
};
struct Header {
  std::uint32_t type, rank, length;
};

std::string listOf(const std::vector<int>& ranks) {
  std::string text;
  for (const int rank : ranks) text += (text.empty() ? "" : ", ") + std::to_string(rank);
  return (ranks.size() == 1 ? "rank " : "ranks ") + text;
}

// What is too long says so at its end; no character is cut in two.
std::string shortened(const std::string& text) {
  const std::string rest = " … (" + std::to_string(text.size()) + " bytes in all)";
  if (text.size() <= longestText) return text;
  std::size_t end = longestText - rest.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + rest;
}

}  // namespace

std::string secondsText(std::chrono::milliseconds time) { return std::to_string((time.count() + 999) / 1000) + " s"; }

bool sameKey(const JobKey& a, const JobKey& b) {
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
  return difference == 0;
}

Watch::Watch(const Membership& member, Socket socket, std::uint16_t dataPort, const std::function<bool()>& stop) : member_(member) {
  if (member.rank == 0) gather(std::move(socket), dataPort, stop);
  else join(std::move(socket), dataPort, stop);
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("the system gives no pipe");
  for (const int end : ends) {
    fcntl(end, F_SETFL, O_NONBLOCK);
    fcntl(end, F_SETFD, FD_CLOEXEC);
  }
  wakeRead_ = ends[0];
  wakeWrite_ = ends[1];
  for (Peer& peer : peers_) peer.heard = Clock::now();
  thread_ = std::thread([this] { loop(); });
}

Watch::~Watch() {
  leaving_.store(true);
  wake();
  thread_.join();
  close(wakeRead_);
  close(wakeWrite_);
}

// Rank 0 waits for the others. Strangers, and those that say nothing, keep nobody from coming in.
void Watch::gather(Socket listener, std::uint16_t dataPort, const std::function<bool()>& stop) {
  struct Pending {
    Socket socket;
    Hello hello;
    std::size_t got;
    Deadline until;
  };
  const Deadline deadline = Clock::now() + member_.patience;
  std::vector<Pending> pending;
  endpoints_.resize(member_.size);
  endpoints_[0].port = dataPort;
  std::vector<bool> here(member_.size);
  here[0] = true;
  std::set<std::string> refused;
  while (static_cast<int>(peers_.size()) < member_.size - 1) {
    std::vector<pollfd> polled{{listener.handle(), POLLIN, 0}};
    for (const Pending& one : pending) polled.push_back({one.socket.handle(), POLLIN, 0});
    for (const Peer& one : peers_) polled.push_back({one.socket.handle(), POLLIN, 0});
    poll(polled.data(), polled.size(), 100);
    if (stop()) throw std::runtime_error("stopped while waiting for the other processes");
    if (Clock::now() >= deadline) {
      std::vector<int> missing;
      for (int rank = 0; rank < member_.size; ++rank)
        if (!here[rank]) missing.push_back(rank);
      std::string text = listOf(missing) + " of " + std::to_string(member_.size) + " did not come within " + secondsText(member_.patience);
      for (const std::string& one : refused) text += "; " + one;
      throw std::runtime_error(text);
    }
    // One that has come says nothing until everybody is here: it can only have died.
    for (std::size_t i = 0; i < peers_.size(); ++i)
      if (polled[1 + pending.size() + i].revents != 0) throw std::runtime_error("rank " + std::to_string(peers_[i].rank) + " died while others were waited for");
    for (std::size_t i = 0; i < pending.size(); ++i) {
      Pending& one = pending[i];
      const auto got = receiveSome(one.socket, reinterpret_cast<char*>(&one.hello) + one.got, sizeof(Hello) - one.got);
      if (got < 0 || (got == 0 && Clock::now() >= one.until)) {
        one.socket.close();
        continue;
      }
      one.got += static_cast<std::size_t>(got);
      if (one.got < sizeof(Hello)) continue;
      const Hello& hello = one.hello;
      Peer peer{static_cast<int>(hello.rank), std::move(one.socket), {}, {}, false};
      const auto refuse = [&](const std::string& why) {
        if (refused.size() < mostRefusals) refused.insert("one that came from " + peerOf(peer.socket) + " was refused: " + why);
        tell(peer, Refuse, 0, why);
      };
      if (hello.magic != magic) refuse("it is of another version of qt than rank 0, or no process of a job");
      else if (!sameKey(hello.key, member_.key)) refuse("it belongs to another job: QT_JOB_TOKEN differs from that of rank 0");
      else if (static_cast<int>(hello.size) != member_.size)
        refuse("it counts " + std::to_string(hello.size) + " processes and rank 0 " + std::to_string(member_.size));
      else if (hello.rank >= static_cast<std::uint32_t>(member_.size) || here[hello.rank])
        refuse("there is a rank " + std::to_string(hello.rank) + " already");
      else {
        here[hello.rank] = true;
        endpoints_[hello.rank] = {peerOf(peer.socket), static_cast<std::uint16_t>(hello.dataPort)};
        peers_.push_back(std::move(peer));
      }
    }
    std::erase_if(pending, [](const Pending& one) { return !one.socket.open(); });
    for (Socket socket = acceptFrom(listener); socket.open(); socket = acceptFrom(listener))
      pending.push_back({std::move(socket), {}, 0, Clock::now() + strangersPatience});
  }
  std::string table;
  for (const Endpoint& endpoint : endpoints_) table += endpoint.host + " " + std::to_string(endpoint.port) + "\n";
  tellAll(Table, 0, table);
}

void Watch::join(Socket socket, std::uint16_t dataPort, const std::function<bool()>& stop) {
  const Hello hello{magic, static_cast<std::uint32_t>(member_.rank), static_cast<std::uint32_t>(member_.size), dataPort, member_.key};
  const Deadline deadline = Clock::now() + member_.patience + std::chrono::seconds(1);
  if (!sendWhole(socket, &hello, sizeof hello, deadline)) throw std::runtime_error("rank 0 hung up");
  Header header{};
  std::string text;
  for (std::size_t got = 0; got < sizeof header;) {
    const auto some = receiveSome(socket, reinterpret_cast<char*>(&header) + got, sizeof header - got);
    if (some < 0) throw std::runtime_error("rank 0 ended before all processes had come");
    got += static_cast<std::size_t>(some);
    if (some > 0) continue;
    if (stop()) throw std::runtime_error("stopped while waiting for the other processes");
    if (Clock::now() >= deadline) throw std::runtime_error("rank 0 does not answer");
    pollfd p{socket.handle(), POLLIN, 0};
    poll(&p, 1, 100);
  }
  if (header.length > longestText * 16) throw std::runtime_error("what answers is no process of a job");
  text.resize(header.length);
  if (!receiveWhole(socket, text.data(), text.size(), deadline)) throw std::runtime_error("rank 0 ended before all processes had come");
  if (header.type == Refuse) throw std::runtime_error("rank 0 refused this process: " + text);
  if (header.type != Table) throw std::runtime_error("what answers is no process of a job");
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t space = text.find(' ', at), end = text.find('\n', at);
    endpoints_.push_back({text.substr(at, space - at), static_cast<std::uint16_t>(std::stoi(text.substr(space + 1, end - space - 1)))});
    at = end + 1;
  }
  peers_.push_back({0, std::move(socket), {}, {}, false});
}

void Watch::tell(Peer& peer, std::uint32_t type, int about, const std::string& text) {
  if (!peer.socket.open()) return;
  const Header header{type, static_cast<std::uint32_t>(about), static_cast<std::uint32_t>(text.size())};
  std::string frame(reinterpret_cast<const char*>(&header), sizeof header);
  frame += text;
  sendWhole(peer.socket, frame.data(), frame.size(), Clock::now() + tellPatience);
}

void Watch::tellAll(std::uint32_t type, int about, const std::string& text) {
  for (Peer& peer : peers_)
    if (!peer.left) tell(peer, type, about, text);
}

// The first failure counts: those that follow are its consequences.
void Watch::settle(const JobFailure& failure) {
  std::vector<std::function<void()>> calls;
  {
    const std::lock_guard lock(mutex_);
    // Who goes after this process may be gone before its watch ends, and owes it no word any more.
    if (failure_ || leaving_.load()) return;
    failure_ = failure;
    tellAll(Fail, failure.rank, (failure.spoke ? "+" : "-") + failure.why);
    failed_.store(true, std::memory_order_release);
    calls = calls_;
  }
  for (auto call = calls.rbegin(); call != calls.rend(); ++call) (*call)();
}

void Watch::fail(const std::string& why) { settle({member_.rank, shortened(why), true}); }

// The watch itself usually knows better, and at the same time, who has died; so it is asked first.
void Watch::accuse(int rank, const std::string& why) {
  const Deadline until = Clock::now() + std::chrono::seconds(5);
  while (!failed() && Clock::now() < until) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  settle({rank, why, false});
}

std::optional<JobFailure> Watch::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void Watch::onFailure(std::function<void()> call) {
  {
    const std::lock_guard lock(mutex_);
    calls_.push_back(call);
    if (!failure_) return;
  }
  call();
}

void Watch::leave() {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) tellAll(Leave, member_.rank, "");
    leaving_.store(true);
  }
  wake();
}

void Watch::whenLeft(std::function<bool()> waits) {
  const std::lock_guard lock(mutex_);
  waits_.push_back(std::move(waits));
}

void Watch::whileThere(std::function<std::optional<JobFailure>()> lost) {
  const std::lock_guard lock(mutex_);
  lost_ = std::move(lost);
}

// Rank 0 tells the others, which know only it.
void Watch::noteLeft(int rank) {
  for (Peer& peer : peers_) peer.left = peer.left || peer.rank == rank;
  if (member_.rank == 0) tellAll(Leave, rank, "");
  if (left_) return;
  left_ = rank;
  leftAt_ = Clock::now();
}

void Watch::accuseTheLeft() {
  std::vector<std::function<bool()>> waits;
  {
    const std::lock_guard lock(mutex_);
    if (failure_ || !left_ || Clock::now() - leftAt_ < afterLeaving) return;
    waits = waits_;
  }
  if (std::any_of(waits.begin(), waits.end(), [](const std::function<bool()>& asked) { return asked(); })) settle({*left_, "ended while others still exchanged numbers with it", false});
}

void Watch::accuseTheLost() {
  std::function<std::optional<JobFailure>()> lost;
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) lost = lost_;
  }
  if (const auto found = lost ? lost() : std::nullopt) settle(*found);
}

void Watch::wake() {
  const char byte = 0;
  [[maybe_unused]] const auto written = write(wakeWrite_, &byte, 1);
}

void Watch::read(Peer& peer) {
  char bytes[4096];
  bool gone = false;
  for (;;) {
    const auto got = receiveSome(peer.socket, bytes, sizeof bytes);
    gone = got < 0;
    if (got <= 0) break;
    peer.heard = Clock::now();
    peer.buffer.append(bytes, static_cast<std::size_t>(got));
  }
  while (peer.buffer.size() >= sizeof(Header)) {
    Header header;
    std::memcpy(&header, peer.buffer.data(), sizeof header);
    if (header.length > 2 * longestText) return settle({peer.rank, "sends what is no message", false});
    if (peer.buffer.size() < sizeof header + header.length) break;
    const std::string text = peer.buffer.substr(sizeof header, header.length);
    peer.buffer.erase(0, sizeof header + header.length);
    if (header.type == Leave) {
      const std::lock_guard lock(mutex_);
      noteLeft(static_cast<int>(header.rank));
    }
    if (header.type == Fail && !text.empty()) settle({static_cast<int>(header.rank), text.substr(1), text[0] == '+'});
  }
  if (!gone) return;
  {
    const std::lock_guard lock(mutex_);
    peer.socket.close();
  }
  // What it said before, it may have died of.
  if (!peer.left) settle({peer.rank, "died", false});
}

void Watch::loop() {
  const auto ping = std::min(pingEvery, member_.patience / 4);
  const int look = static_cast<int>(std::min(lookEvery, ping).count());
  Clock::time_point told = Clock::now();
  while (!leaving_.load()) {
    std::vector<pollfd> polled{{wakeRead_, POLLIN, 0}};
    for (const Peer& peer : peers_) polled.push_back({peer.socket.open() ? peer.socket.handle() : -1, POLLIN, 0});
    poll(polled.data(), polled.size(), look);
    for (Peer& peer : peers_)
      if (peer.socket.open()) read(peer);
    accuseTheLeft();
    accuseTheLost();
    const auto now = Clock::now();
    if (now - told >= ping && !failed()) {
      const std::lock_guard lock(mutex_);
      tellAll(Ping, member_.rank, "");
      told = now;
    }
    for (Peer& peer : peers_)
      if (peer.socket.open() && !peer.left && now - peer.heard > member_.patience) settle({peer.rank, "was silent for " + secondsText(member_.patience), false});
  }
}

}  // namespace qt
#endif
