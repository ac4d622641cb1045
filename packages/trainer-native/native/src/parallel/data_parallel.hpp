// A step whose micro-batches are shared among the processes of a job. Their gradients are added in a fixed order while the backward pass
// still runs; each process updates its own shard and gives the others the result.
#pragma once
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "../train/trainer.hpp"
#include "communicator.hpp"
#include "gpu_group.hpp"
#include "mirror.hpp"
#include "sum_tree.hpp"

namespace qt {

class DataParallel {
 public:
  // Without a communicator there is one process, and what is left is the order of sums.
  DataParallel(Trainer& trainer, std::shared_ptr<Communicator> communicator, ThreadPool& pool, const KernelTable& kernels);
  ~DataParallel();

  // A step of micro-batches: process r has [borders[r], borders[r + 1]). `strict`: they are added by their numbers, and else by process.
  void begin(std::span<const std::int32_t> borders, bool strict);
  // The next micro-batch of this process.
  LossSum forwardBackward(const Batch& batch, float weight, std::uint32_t micro, const std::atomic<bool>& abort);
  // Sends what is still to be sent and waits for all sums. Also after a pass that was stopped: the others count on it, and throw its result
  // away with everybody.
  void exchange();
  // As the trainer's.
  double update(const UpdateOptions& options);
  // A tensor's array of the optimiser, whole, at the root.
  std::vector<unsigned char> gatherState(std::size_t tensor, std::size_t array);
  // Everybody's trained numbers become those of the root. Before anything else, where there are several processes.
  void shareParameters();
  // What GPUs exchange numbers by; null: the connections of the job.
  const char* library();

  // Bytes that this takes beside the trainer's.
  static std::size_t bytes(const TrainedLayout& layout, std::int32_t microBatches, bool strict);

 private:
  void layerDone(int layer);
  void startNext();
  void startAll();
  void reduce(const Bucket& bucket);
  void add(const Bucket& bucket, float* to, const float* from);
  float* buffer(int index) { return index == inPlace ? gradients_.data() : buffers_[index].get(); }
  double gradientNorm();
  double normOnDevices();

  Trainer& trainer_;
  std::shared_ptr<Communicator> communicator_;
  ThreadPool& pool_;
  const KernelTable& kernels_;
  int rank_, size_;
  Mirror parameters_, gradients_;
  std::unique_ptr<DeviceGroup> group_;

  std::vector<std::vector<HeldNode>> held_;  // of every process
  OwnSums own_;
  std::int64_t total_ = 0;
  std::size_t leaf_ = 0;
  bool last_ = false;                // the micro-batch at hand is the last one
  std::vector<std::unique_ptr<float[]>> buffers_;
  std::vector<float> incoming_;      // on the communicator's thread
  std::vector<const Bucket*> order_;
  std::size_t started_ = 0;          // of them
  Communicator::Ticket lastStarted_ = 0;
};

}  // namespace qt
