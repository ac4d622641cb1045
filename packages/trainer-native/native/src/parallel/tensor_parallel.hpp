// What the processes that share blocks (train/tensor_share.hpp) do together in a pass: sums and pieces of arrays of their devices. The group is
// a run of neighbouring ranks of the job.
#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "../device/device.hpp"
#include "communicator.hpp"

namespace qt {

class TensorParallel {
 public:
  TensorParallel(std::shared_ptr<Communicator> job, Device& device, int size);

  // From now on GPUs send to each other, where they can; all of the group call it.
  void join();
  // What GPUs send to each other by; null: the memory of the processes.
  DeviceGroup* links() { return links_.get(); }
  // Its name, or null.
  const char* library() const { return links_ ? device_.links()->library() : nullptr; }
  int rank() const { return group_.rank(); }
  int size() const { return group_.size(); }
  // Everybody's arrays are added, by rank; all get the same bytes.
  void sum(float* array, std::size_t count);
  // Of parts of vectors their lengths become those of the whole.
  void lengths(float* array, std::size_t count);
  // Everybody gets the piece [cuts[r], cuts[r + 1]) of process r.
  void gather(float* array, const Cuts& cuts);
  // The same of bytes that are the caller's. Throws where what was asked for before has failed.
  void gatherCallers(void* array, const Cuts& bytes);
  // Everybody's bytes, by rank.
  std::vector<std::vector<unsigned char>> everybodys(std::span<const unsigned char> mine);
  // Waits for all that was asked for; throws where it has failed. GPUs go on without it, with numbers that are none.
  void finish();
  // On the communicator's thread.
  ProcessGroup& group() { return group_; }

 private:
  float* fetched(const float* array, std::size_t begin, std::size_t end);

  std::shared_ptr<Communicator> job_;
  Device& device_;
  ProcessGroup group_;
  std::shared_ptr<DeviceGroup> links_;
  std::vector<float> here_;  // where the device's memory is not the process's
};

}  // namespace qt
