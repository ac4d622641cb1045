// What the processes of a job do together. A thread of its own carries out operations in the order in which they were started, so that
// they run beside the arithmetic; all processes must start the same ones in the same order.
#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "process_group.hpp"
#include "transport.hpp"
#include "watch.hpp"

namespace qt {

struct JobAddress {
  enum class Kind { Mpi, Tcp } kind = Kind::Mpi;
  Membership member;      // MPI itself says rank and size
  std::string host;       // TCP: of rank 0
  std::uint16_t port = 0;
  bool sharedMemory = true;  // TCP: between processes of one machine
};

class Communicator {
 public:
  using Ticket = std::uint64_t;
  using Work = std::function<void()>;

  // Returns when all processes are there.
  explicit Communicator(const JobAddress& address, const std::function<bool()>& stop = [] { return false; });
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  // For one that is silent.
  std::chrono::milliseconds patience() const { return patience_; }

  // Runs `work`, which may use the operations below, after all that was started before.
  Ticket start(Work work);
  // Throws a TransportError in the words of what that work threw; afterwards every other throws as well.
  void wait(Ticket ticket);
  void run(Work work) { wait(start(std::move(work))); }

  std::optional<JobFailure> failure() const;
  void onFailure(std::function<void()> call);
  void fail(const std::string& why);
  // In order: nobody takes the end of this process for its death.
  void leave();
  // As Watch says.
  void whenLeft(std::function<bool()> waits);

  // Inside of work only.
  void barrier();
  void broadcast(void* data, std::size_t bytes, int root = 0);
  // Everybody's bytes, by rank; they may be of any length.
  std::vector<std::vector<unsigned char>> allGather(std::span<const unsigned char> mine);
  // Every process has its piece of the array, and gets the others'.
  void allGather(void* array, const Cuts& bytes);
  Transport& transport() { return *transport_; }
  // Runs of so many ranks: the one that this process is in; and those that have the same place in each. For work, while this is there.
  ProcessGroup neighbours(int size);
  ProcessGroup counterparts(int size);
  // How many others are reached through memory.
  int sharedLines() const { return sharedLines_; }

 private:
  void loop(const JobAddress& address, const std::function<bool()>& stop);
  Watch* watch() const { return watch_; }

  int rank_ = 0, size_ = 1, sharedLines_ = 0;
  const std::chrono::milliseconds patience_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<ProcessGroup> all_;
  Watch* watch_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> queue_;
  Ticket started_ = 0, done_ = 0;
  std::string error_;
  bool open_ = false, stop_ = false;
  std::thread thread_;
};

}  // namespace qt
