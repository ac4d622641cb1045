// What is trained of blocks that a tensor group shares: gradients of which each process has a part are added up, and tensors of which each
// has a share are brought together.
#pragma once
#include <span>
#include <vector>

#include "../train/tensors.hpp"
#include "tensor_parallel.hpp"

namespace qt {

class GroupTensors {
 public:
  // All of these must outlive it.
  GroupTensors(Communicator& job, TensorParallel& blocks, const TrainedLayout& layout);

  // What has a part in each process becomes the sum in all: of a bucket's gradients, which lie at TrainedTensor::room or ::sums. On the
  // communicator's thread.
  void addParts(std::size_t bucket, float* gradients, std::size_t TrainedTensor::*place);
  // The same gradients, where they lie.
  std::vector<std::span<float>> parts(std::size_t bucket, float* gradients, std::size_t TrainedTensor::*place) const;
  // From what each has of a tensor, or of an array of the optimiser (−1: of its numbers), the whole one, at process `root` of the group.
  std::vector<unsigned char> whole(const TrainedTensor& tensor, int array, std::vector<unsigned char> mine, int root);

  // Bytes that sums take: what this process has of a stretch, and what the others send.
  static std::size_t bytes(const TensorShare& share);

 private:
  Communicator& job_;
  TensorParallel& blocks_;
  const TrainedLayout& layout_;
  std::vector<std::vector<const TrainedTensor*>> partial_;  // of each bucket
  std::vector<float> together_;                             // on the communicator's thread
};

}  // namespace qt
