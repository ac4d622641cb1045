// One training step of a decoder: forward, loss, backward, update. Sums have a fixed order, so the same inputs give the
// same bits whatever the number of threads.
#pragma once
#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "../device/host_device.hpp"
#include "../model/model.hpp"
#include "../model/rotary.hpp"
#include "../parallel/sharded_base.hpp"
#include "../parallel/tensor_parallel.hpp"
#include "layout.hpp"
#include "principal.hpp"
#include "tensors.hpp"

namespace qt {

struct LossSum {
  double loss = 0;          // weighted sum over the tokens that carry loss
  double weight = 0;        // sum of their weights
  std::int64_t tokens = 0;  // how many there are
  std::int64_t correct = 0; // of which the most likely token was the right one
  bool finished = true;     // false: stopped by the abort flag
  std::vector<double> documents;  // the weighted sum of each document's losses
};

// How a batch is only looked at: as in training (with the random numbers of a micro-batch) or not, with the adapters or without.
struct EvaluateOptions {
  bool adapters = true;
  bool random = false;
  std::uint32_t micro = 0;
};

// Rate and decay of the tensors of one group.
struct ParameterGroup {
  float learningRate = 0;
  float weightDecay = 0;  // of matrices; norms do not decay
};

struct UpdateOptions {
  std::array<ParameterGroup, groupCount> groups;  // by Group
  float beta1, beta2, epsilon;
  float clip;         // 0: off
  std::int64_t step;  // from 1
  float averageDecay = 0;  // of the moving average: a ← a + (1 − decay)(p − a)
};

class Trainer {
 public:
  // `model` must outlive the trainer; full training copies its weights into parameters of its own.
  Trainer(const Model& model, const TrainerOptions& options, std::unique_ptr<Device> device);
  // On the processor.
  Trainer(const Model& model, const TrainerOptions& options, ThreadPool& pool, const KernelTable& kernels)
      : Trainer(model, options, std::make_unique<HostDevice>(pool, kernels, options.precision)) {}

  // Adds the gradients of Σ loss·weight over the batch. `micro` numbers the batch within its run, for dropout.
  LossSum forwardBackward(const Batch& batch, float weight, std::uint32_t micro, const std::atomic<bool>& abort);
  LossSum evaluate(const Batch& batch, const std::atomic<bool>& abort, const EvaluateOptions& options = {});
  // Takes part in a pass of the other processes, whose blocks of the base are brought together, without a batch of its own.
  void attend(bool gradients);
  // Null where each process has all of it. Passes over it are not stopped: the others need everybody's pieces.
  ShardedBase* shardedBase() { return base_.get(); }
  // Where blocks are shared out (TrainerOptions::tensor), before the first pass: the group whose parts are added. Passes are not stopped
  // here either.
  void join(std::unique_ptr<TensorParallel> group) { group_ = std::move(group); }

  // The optimiser's step on what the gradients have gathered, then zero gradients. Returns their norm before clipping; when it is not
  // finite nothing is changed.
  double update(const UpdateOptions& options);
  // The same for this process's shard, with gradients of that norm.
  void step(const UpdateOptions& options, double norm);
  void zeroGradients();
  // Called in a pass before the gradients of a block are written, and when they are complete. The loss counts as the block above the
  // last one, and the embedding as −1.
  struct PassCalls {
    std::function<void(int)> before = {}, done = {};
  };
  void onPass(PassCalls calls) { calls_ = std::move(calls); }

  const TrainedLayout& trained() const { return trained_; }
  OptimizerKind optimizer() const { return options_.optimizer; }
  Device& device() { return *device_; }
  // These lie where the device has them: read and written through it, or directly on the processor.
  std::span<float> parameters() {
    staleScales();
    return {parameters_, trained_.count};
  }
  // To be read alone: of what follows from them everything stays.
  std::span<const float> parametersAsTheyAre() const { return {parameters_, trained_.count}; }
  // DoRA's magnitudes become what leaves the model as it is with the adapter's present A and B.
  void startMagnitudes();
  // PiSSA's A and B become the largest singular directions of their weights, and are kept as what they began as. False: stopped by the flag.
  bool startPrincipal(const std::atomic<bool>& abort);
  // What PiSSA's adapters began as; TrainedLayout::origins says where.
  std::span<float> origins() { return {origins_, trained_.originCount}; }
  // Sums of gradients, of this process's pieces: TrainedTensor::sums.
  std::span<float> gradients() { return {gradients_, trained_.sums}; }
  // Where a pass writes them: TrainedTensor::room.
  std::span<float> rooms() { return {rooms_, trained_.apart ? trained_.rooms : trained_.sums}; }
  // The optimiser's memory; a tensor's arrays in it are TrainedTensor::state.
  std::span<unsigned char> state() { return {optimizerState_, trained_.stateBytes}; }
  const StepLayout& layout() const { return layout_; }

 private:
  template <class T = void>
  T* at(BufferId id) { return reinterpret_cast<T*>(arena_ + layout_.plan.offset(id)); }

  const MatrixView& weight(int layer, int projection) const { return weights_[layer].projections[projection]; }
  MatrixView view(const void* data, std::int64_t rows, std::int64_t columns) const { return dense(data, options_.precision, rows, columns); }
  float* gradient(const TensorId& id);
  MatrixView parameter(const TensorId& id);
  MatrixView origin(const TensorId& id);

  void requireDevice() { requireWorking(*device_); }
  std::vector<RotaryTable> rotaryTables(const ModelSpec& spec, unsigned char* room);
  void takeWeights();
  template <class Body>
  void overWeights(bool tied, const Body& body);
  void ownWeights();
  void prepare(const Batch& batch);
  void embed();
  // The rows at hand of a buffer that has one for each token.
  void* rowsOf(BufferId id, std::int64_t columns) { return at<unsigned char>(id) + static_cast<std::size_t>(first_) * columns * bytesOf(options_.precision); }
  float* dxRows() { return at<float>(layout_.dx) + first_ * spec_.dModel; }
  // Calls body() with a chunk of the tokens at hand after the other.
  template <class Body>
  void overChunks(const Body& body) {
    for (first_ = 0; first_ < tokens_; first_ += layout_.feedForwardRows) {
      rows_ = static_cast<std::int32_t>(std::min<std::int64_t>(layout_.feedForwardRows, tokens_ - first_));
      body();
    }
    first_ = 0;
    rows_ = tokens_;
  }
  LeftSide pack(const MatrixView& left, std::int64_t depth);
  LeftSide packAt(std::size_t place, const MatrixView& left, bool transposed, std::int64_t rows, std::int64_t depth);
  void forwardBlock(int layer, bool remaining);
  void selfAttention(int layer);
  void feedForward(int layer, bool remaining);
  // Where the input of a block lies in the machine's memory; a copy of it to there and back. Not of blocks whose input stays.
  unsigned char* beside(int layer) { return beside_ + static_cast<std::size_t>(layer) * layout_.offloadedBytes; }
  // What a block asks for depends on the batch's sizes alone, but for dropout's numbers, for where a base that processes share is at hand,
  // and for what a group adds up in between.
  void repeated(int stretch, const std::function<void()>& work);
  void offload(int layer);
  void fetch(int layer);
  void awaitInput(int layer);
  bool adapted(int layer, int projection) const { return adaptersOn_ && !options_.adapters.empty() && options_.adapters[layer][projection].rank > 0; }
  bool hasMagnitude(int layer, int projection) const { return adapted(layer, projection) && options_.adapters[layer][projection].magnitude; }
  bool hasOrigin(int layer, int projection) const { return adapted(layer, projection) && options_.adapters[layer][projection].origin; }
  static std::uint32_t principalStream(int layer, int projection) { return static_cast<std::uint32_t>(layer * projectionCount + projection); }
  void startPrincipalTogether();
  void beginAs(int layer, int projection, const PrincipalFactors& factors);
  bool trainsVocabulary() const { return options_.full || options_.trainEmbedding || options_.trainOutput; }
  float* columnScale(int layer, int projection) { return at<float>(layout_.scales) + layout_.scaleAt[layer][projection]; }
  const float* bias(int layer, int projection) const { return spec_.attentionBias && projection <= Value ? weights_[layer].biases[projection] : nullptr; }
  void adaptedRowNorms(int layer, int projection, float* norms);
  void staleScales() { scalesStale_.assign(scalesStale_.size(), true); }
  void refreshScales(int layer);
  void visit(int layer, int next);
  void load(int layer);
  void takeProjections(int layer);
  int above(int layer) const { return layer + 1 < spec_.layers ? layer + 1 : -1; }
  // Others count on this pass, and it goes to its end: also on a device that has failed, which does nothing more and says so then.
  bool othersCount() const { return base_ || group_; }
  bool stops(const std::atomic<bool>& abort) const { return !othersCount() && abort.load(std::memory_order_relaxed); }
  MatrixView throughMagnitude(int layer, int projection, const MatrixView& dy, const void* y, void* dz);
  AttentionShape attentionShape(int layer) const {
    return {spec_.heads, spec_.kvHeads, spec_.headDim, spec_.attentionScale, spec_.attentionSoftcap, spec_.layer(layer).window};
  }
  const RotaryTable* rotary(int layer, const std::vector<RotaryTable>& tables) const {
    const std::int32_t rope = spec_.layer(layer).rope;
    return rope < 0 || tables.empty() ? nullptr : &tables[rope];
  }
  // These are whole only as sums over a group: what projections of inputs that are shared out make, and the gradient of the input of the others.
  bool givesPart(int projection) const { return group_ && (projection == AttentionOut || projection == Down); }
  bool takesPart(int projection) const { return group_ && !givesPart(projection); }
  // What lies in `partial` becomes everybody's sum, in the precision of activations.
  void sumParts(void* out);
  LeftSide throughOrigin(int layer, int projection, const LeftSide& input, bool backwards, std::size_t place);
  LeftSide lowRank(int layer, int projection, const void* plain, const LeftSide& input);
  void project(int layer, int projection, const void* plain, const LeftSide& input, void* out, const void* residual);
  void prepareHeads(int layer);
  // The tokens that carry loss, of which each process of a group takes some that lie together: those of process r begin at [r].
  std::vector<std::size_t> lossShares(std::size_t carrying) const;
  void shareLoss(std::span<const std::int32_t> carrying, const std::vector<std::size_t>& shares, std::span<float> losses, std::span<unsigned char> correct,
                 bool gradient);
  LossSum lossAndGradient(const Batch& batch, float weight, bool gradient, const std::atomic<bool>& abort);
  void backwardBlock(int layer);
  void feedForwardGradients(int layer);
  void projectionGradients(int layer, std::span<const int> projections, std::span<const MatrixView> dOutputs, const void* input, void* dInput);
  void addDropped(int layer, std::span<const int> projections, std::span<const void* const> dLows, void* dInput, bool first);
  void gather(float* gradient, const MatrixView& left, std::int64_t rows, const MatrixView& right, std::int64_t columns, bool transposed);
  void normGradients(const TensorId& norm, const void* x, const float* weight, const float* inverse, const void* dy);
  MatrixView throughPostNorm(const TensorId& norm, const void* raw, const float* weight, const float* inverse);
  MatrixView residualGradient();
  void headNormGradients(const TensorId& norm, std::int32_t heads, BufferId dy, BufferId raw, BufferId inverse, const float* weight);
  void attentionGradients(int layer);
  MatrixView beforeScale(int layer, int projection, const MatrixView& dy);
  void unrotate(int layer);
  const MatrixView& embedding() const { return adaptersOn_ ? embedding_ : modelEmbedding_; }
  const MatrixView& output() const { return adaptersOn_ ? output_ : modelOutput_; }
  bool dropout() const { return options_.dropout > 0 && training_; }
  // Of the whole model's inputs.
  std::int64_t firstColumn(int projection) const {
    const TensorPart part = partOf(weightOf(0, projection), spec_, options_.tensor, options_.tensor.rank, 0, 0);
    return part.firstColumn;
  }
  void drop(int layer, int projection, const void* input, void* out, std::int64_t columns);

  const ModelSpec& spec_;
  const Model& model_;
  TrainerOptions options_;
  std::unique_ptr<Device> device_;
  StepLayout layout_;
  TrainedLayout trained_;
  unsigned char *arena_, *beside_ = nullptr;
  float *parameters_, *gradients_, *rooms_, *origins_;
  unsigned char* optimizerState_;

  // Views of the weights that the step uses, where the device has them: the model's, or of the parameters in full training.
  std::vector<BlockWeights> weights_;
  MatrixView embedding_, output_, modelEmbedding_, modelOutput_;
  const float* outputNorm_;
  std::vector<RotaryTable> rotary_;    // of each rope
  std::vector<RotaryTable> unrotary_;  // undo rotary_, its factors too, when they rotate back; only where DoRA asks for that

  std::int32_t tokens_ = 0;
  std::int64_t first_ = 0;  // the rows at hand: all tokens, or a chunk of them in the feed-forward
  std::int32_t rows_ = 0;
  std::uint32_t micro_ = 0;
  bool training_ = false;
  std::vector<bool> scalesStale_;  // of each block
  std::unique_ptr<ShardedBase> base_;
  std::unique_ptr<TensorParallel> group_;
  PassCalls calls_;
  bool adaptersOn_ = true;  // off: the model as it was before
  std::size_t packedUsed_ = 0;
};

}  // namespace qt
