// A step whose micro-batches are shared among the processes of a job, or among its tensor groups, each of which counts as one. Their gradients are exchanged in buckets while the backward pass
// still runs: each process adds up those of its own pieces, updates them, and gives the others the result.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../train/trainer.hpp"
#include "communicator.hpp"
#include "gpu_group.hpp"
#include "group_tensors.hpp"
#include "mirror.hpp"

namespace qt {

class DataParallel {
 public:
  // Without a communicator there is one process, and what is left is the order of sums.
  // `ordered`: no library adds in an order of its own.
  DataParallel(Trainer& trainer, std::shared_ptr<Communicator> communicator, ThreadPool& pool, const KernelTable& kernels, bool ordered = false);
  ~DataParallel();

  // A step of micro-batches, which are taken in rounds: micro-batch m is that of process m % processes. Where gradients lie apart
  // they are added one after the other by their numbers, whoever has them; where they are exchanged once, by process.
  void begin(std::int32_t microBatches);
  // The next micro-batch of this process. A pass that finds no memory is not the end of it, as the others count on what it sends: it throws
  // nothing, its sums are none, and exchange() says so.
  LossSum forwardBackward(const Batch& batch, float weight, std::uint32_t micro, const std::atomic<bool>& abort);
  // As the trainer's; a pass that finds no memory as above, and lack() says so.
  LossSum evaluate(const Batch& batch, const std::atomic<bool>& abort, const EvaluateOptions& options = {});
  // Where the base is shared out and others have a batch, and this process none: a pass as theirs.
  void attend(bool gradients);
  // Takes part in what is still to be exchanged, and waits for all sums. Also after a pass that was stopped: the others count on it,
  // and throw its result away with everybody. Returns what lack() does.
  std::string exchange();
  // In words, that a pass of this process has found no memory since this was last asked; else nothing. The others cannot know.
  std::string lack();
  // As the trainer's.
  double update(const UpdateOptions& options);
  // A tensor's array of the optimiser, whole, at that process of the job.
  std::vector<unsigned char> gatherState(std::size_t tensor, std::size_t array, int root = 0);
  // A trained tensor, whole, at that process.
  std::vector<unsigned char> gatherParameters(std::size_t tensor, int root = 0);
  // The same of what an adapter of PiSSA began as.
  std::vector<unsigned char> gatherOrigin(std::size_t origin, int root = 0);
  // Everybody's trained numbers become those of the root. Before anything else, where there are several processes.
  void shareParameters();
  // What GPUs exchange numbers by; null: the connections of the job.
  const char* library();
  // And what they send each other of blocks that they share.
  const char* libraryOfBlocks() { return blocks_ ? blocks_->library() : nullptr; }

  // Bytes that this takes beside the trainer's.
  static std::size_t bytes(const TrainedLayout& layout);

 private:
  static std::size_t incoming(const TrainedLayout& layout);
  // The buckets of a pass, in the order in which they are completed: a stage for each.
  const Bucket& bucketOf(int stage) const { return trainer_.trained().buckets[stages_ - 1 - stage]; }
  std::size_t indexOf(int stage) const { return static_cast<std::size_t>(stages_ - 1 - stage); }
  void before(int layer);
  void done(int layer);
  void startStage();
  void endRound();
  template <class Pass>
  LossSum attempted(const Batch& batch, const Pass& pass);
  void addAlone(const Bucket& bucket);
  void reduce(const Bucket& bucket, int round);
  bool takesPart(int rank, int round) const { return static_cast<std::int64_t>(round) * size_ + rank < microBatches_; }
  bool exchanges() const { return !trainer_.trained().exchangeOnce || round_ + 1 == rounds_; }
  // What was gathered in all rounds is that of the first: who has any micro-batch has one there.
  int roundSent() const { return trainer_.trained().exchangeOnce ? 0 : round_; }
  void prepareRoom(int stage, int written);
  void startOnDevices(int stage);
  void reduceOnDevices(int stage);
  void bringAlong(int stage);
  double gradientNorm();
  double normOnDevices();
  void joinDevices();
  void shareBlocks();
  void addPartsAlone();
  void addPartsOnDevices();
  void agreeOnWhole();
  std::vector<unsigned char> gatherFloats(const TrainedTensor& tensor, const float* from, int root);
  std::vector<unsigned char> whole(const TrainedTensor& tensor, int array, std::vector<unsigned char> mine, int root);
  // Which group, of those that share blocks, a process of the job is in.
  int groupOf(int rank) const { return rank / trainer_.trained().share.size(); }

  Trainer& trainer_;
  std::shared_ptr<Communicator> communicator_;
  ThreadPool& pool_;
  const KernelTable& kernels_;
  bool ordered_;
  TensorParallel* blocks_ = nullptr;  // the group that this process shares blocks with; null: it has all of them
  std::optional<GroupTensors> tensors_;  // what it trains of them
  std::optional<ProcessGroup> peers_;  // those that have the same part of blocks, with micro-batches of their own
  int rank_ = 0, size_ = 1;            // among the peers
  Mirror parameters_, rooms_, sums_;
  std::shared_ptr<DeviceGroup> group_;  // what buckets travel by, and tickets are of; null: the communicator
  DeviceGroup* parts_ = nullptr;        // what parts of gradients are added by in a tensor group; null: the communicator
  std::uint64_t partsAdded_ = 0;        // its ticket for the bucket started last

  std::int32_t microBatches_ = 0;
  int rounds_ = 0, round_ = 0;        // of this step; the one at hand
  bool thrownAway_ = false;           // this step, as a pass has not come to its end: what is sent is only sent because others wait for it
  std::string lack_;
  int stages_ = 0, started_ = 0;      // of a round
  std::vector<std::uint64_t> tickets_;  // of the stages, of the round at hand or the one before
  std::uint64_t lastStarted_ = 0, lastStartedBefore_ = 0;  // in all; in the rounds before
  std::vector<float> incoming_;  // on the communicator's thread
};

}  // namespace qt
