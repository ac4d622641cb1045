// The processes of a job that mpirun or srun has started, through OpenMPI's library, which is opened when it is needed. MPI tells nobody
// that a process has died, so the watch stands beside it.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "transport.hpp"
#include "watch.hpp"

namespace qt {

struct MpiLibrary;

class MpiTransport : public Transport {
 public:
  // On the thread that will make all calls.
  MpiTransport(std::chrono::milliseconds patience, const std::function<bool()>& stop);
  ~MpiTransport() override;
  int rank() const { return rank_; }
  int size() const { return size_; }
  Watch& watch() { return *watch_; }
  void exchange(std::span<const Outgoing> out, std::span<const Incoming> in) override;

 private:
  using Over = std::function<void()>;  // throws when there is no more to wait for
  void transfer(std::span<const Outgoing> out, std::span<const Incoming> in, const Over& over);
  void meet(std::chrono::milliseconds patience, const std::function<bool()>& stop);
  const MpiLibrary& mpi_;
  int rank_ = 0, size_ = 1;
  std::unique_ptr<Watch> watch_;
};

}  // namespace qt
