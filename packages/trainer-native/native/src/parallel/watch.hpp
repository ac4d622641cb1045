// Who belongs to a job, and who of them has died: a star of connections to rank 0, beside those that carry numbers. A process that ends
// without having taken its leave, or says that it failed, or is silent for too long, is a failure of the whole job, and every process
// hears of it at once and by rank.
#pragma once
#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "socket.hpp"

namespace qt {

// What lets a process into a job.
using JobKey = std::array<unsigned char, 32>;
// The same time for any two keys: how much of it is right cannot be measured.
bool sameKey(const JobKey& a, const JobKey& b);

// How long somebody who has come in may take to say who it is.
inline constexpr auto strangersPatience = std::chrono::seconds(5);

std::string secondsText(std::chrono::milliseconds time);

struct JobFailure {
  int rank = 0;
  std::string why;     // what it said, or what was seen of it
  bool spoke = false;  // it said so itself
};

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
};

struct Membership {
  int rank = 0, size = 1;
  JobKey key{};
  std::chrono::milliseconds patience{120'000};  // for all to come, and for one that is silent
};

class Watch {
 public:
  // Rank 0: `socket` listens, and it waits for all others; those: it is connected to rank 0. `dataPort` is told to everybody.
  Watch(const Membership& member, Socket socket, std::uint16_t dataPort, const std::function<bool()>& stop);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Of all ranks, by rank; the host of rank 0 is empty, since everybody has reached it already.
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }

  // This process has failed: everybody hears why.
  void fail(const std::string& why);
  // What the transport has seen of another.
  void accuse(int rank, const std::string& why);
  bool failed() const { return failed_.load(std::memory_order_acquire); }
  std::optional<JobFailure> failure() const;
  // Called once, on the watching thread, when the job has failed; before those that were given earlier.
  void onFailure(std::function<void()> call);
  // This process ends in order; what becomes of the others is no longer its matter.
  void leave();
  // Asked on the watching thread once another has left in order: whether this process waits for what everybody takes part in. When it still
  // does a while later, that one has left too early. What was asked before is asked, too.
  void whenLeft(std::function<bool()> waits);
  // Asked on the watching thread time and again: whom the transport has lost, where it notices that by itself.
  void whileThere(std::function<std::optional<JobFailure>()> lost);

 private:
  struct Peer {
    int rank = 0;
    Socket socket;
    std::string buffer;
    Clock::time_point heard;
    bool left = false;
  };
  void gather(Socket listener, std::uint16_t dataPort, const std::function<bool()>& stop);
  void join(Socket socket, std::uint16_t dataPort, const std::function<bool()>& stop);
  void loop();
  void settle(const JobFailure& failure);
  void tell(Peer& peer, std::uint32_t type, int about, const std::string& text);
  void tellAll(std::uint32_t type, int about, const std::string& text);
  void read(Peer& peer);
  void noteLeft(int rank);
  void accuseTheLeft();
  void accuseTheLost();
  void wake();

  Membership member_;
  std::vector<Endpoint> endpoints_;
  std::vector<Peer> peers_;  // rank 0: all others; others: rank 0
  mutable std::mutex mutex_;
  std::optional<JobFailure> failure_;
  std::vector<std::function<void()>> calls_;
  std::vector<std::function<bool()>> waits_;
  std::function<std::optional<JobFailure>()> lost_;
  std::optional<int> left_;  // the first who left in order
  Clock::time_point leftAt_;
  std::atomic<bool> failed_{false}, leaving_{false};
  int wakeRead_ = -1, wakeWrite_ = -1;
  std::thread thread_;
};

}  // namespace qt
