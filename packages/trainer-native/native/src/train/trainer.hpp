// One training step of a decoder: forward, loss, backward, update. Sums have a fixed order, so the same inputs give the
// same bits whatever the number of threads.
#pragma once
#include <atomic>
#include <functional>
#include <span>
#include <vector>

#include "../memory.hpp"
#include "../model/model.hpp"
#include "../model/rotary.hpp"
#include "../product.hpp"
#include "../threads.hpp"
#include "layout.hpp"
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
  Trainer(const Model& model, const TrainerOptions& options, ThreadPool& pool, const KernelTable& kernels);

  // Adds the gradients of Σ loss·weight over the batch. `micro` numbers the batch within its run, for dropout.
  LossSum forwardBackward(const Batch& batch, float weight, std::uint32_t micro, const std::atomic<bool>& abort);
  LossSum evaluate(const Batch& batch, const std::atomic<bool>& abort, const EvaluateOptions& options = {});

  // The optimiser's step on what the gradients have gathered, then zero gradients. Returns their norm before clipping; when it is not
  // finite nothing is changed.
  double update(const UpdateOptions& options);
  // The same for this process's shard, with gradients of that norm.
  void step(const UpdateOptions& options, double norm);
  void zeroGradients();
  // Called in the backward pass when the gradients of a block are complete; null: not at all.
  void onLayerDone(std::function<void(int)> call) { layerDone_ = std::move(call); }

  const TrainedLayout& trained() const { return trained_; }
  // For reading and writing.
  std::span<float> parameters() {
    scalesStale_ = true;
    return {parameters_, trained_.count};
  }
  // DoRA's magnitudes become what leaves the model as it is with the adapter's present A and B.
  void startMagnitudes();
  // PiSSA's A and B become the largest singular directions of their weights, and are kept as what they began as. False: stopped by the flag.
  bool startPrincipal(const std::atomic<bool>& abort);
  // What PiSSA's adapters began as; TrainedLayout::origins says where.
  std::span<float> origins() { return {origins_, trained_.originCount}; }
  std::span<float> gradients() { return {gradients_, trained_.count}; }
  // The optimiser's memory; a tensor's arrays in it are TrainedTensor::state.
  std::span<unsigned char> state() { return {optimizerState_, trained_.stateBytes}; }
  const StepLayout& layout() const { return layout_; }

 private:
  template <class T = void>
  T* at(BufferId id) { return reinterpret_cast<T*>(arena_.data() + layout_.plan.offset(id)); }

  const MatrixView& weight(int layer, int projection) const { return weights_[layer].projections[projection]; }
  MatrixView view(const void* data, std::int64_t rows, std::int64_t columns) const { return dense(data, options_.precision, rows, columns); }
  float* gradient(const TensorId& id);
  MatrixView parameter(const TensorId& id);
  MatrixView origin(const TensorId& id);

  void prepare(const Batch& batch);
  void embed(const Batch& batch);
  void addNoise(float* row, std::int64_t token);
  void follow(const TrainedTensor& tensor, float decay);
  void* pack(const MatrixView& left, std::int64_t depth);
  void normalise(const void* x, const float* weight, void* out, float* inverse);
  void renormalise(const void* x, const float* weight, void* out, const float* inverse);
  void forwardBlock(int layer, bool remaining);
  bool adapted(int layer, int projection) const { return adaptersOn_ && !options_.adapters.empty() && options_.adapters[layer][projection].rank > 0; }
  bool hasMagnitude(int layer, int projection) const { return adapted(layer, projection) && options_.adapters[layer][projection].magnitude; }
  bool hasOrigin(int layer, int projection) const { return adapted(layer, projection) && options_.adapters[layer][projection].origin; }
  float* columnScale(int layer, int projection) { return at<float>(layout_.scales) + layout_.scaleAt[layer][projection]; }
  void adaptedRowNorms(int layer, int projection, float* norms);
  void refreshScales();
  MatrixView throughMagnitude(int layer, int projection, const MatrixView& dy, const void* y, void* dz);
  void activate(int layer, void* out);
  void normaliseAndRotate(int layer);
  void addNormalised(const void* x, const float* weight, float* inverse, const void* residual, void* out);
  AttentionShape attentionShape(int layer) const {
    return {spec_.heads, spec_.kvHeads, spec_.headDim, spec_.attentionScale, spec_.attentionSoftcap, spec_.layer(layer).window};
  }
  const void* throughOrigin(int layer, int projection, const void* packedInput, bool backwards);
  void* lowRank(int layer, int projection, const void* input, const void* packedInput);
  void project(int layer, int projection, const void* input, const void* packedInput, void* out, const void* residual);
  LossSum lossAndGradient(const Batch& batch, float weight, bool gradient, const std::atomic<bool>& abort);
  void backwardBlock(int layer);
  void projectionGradients(int layer, std::span<const int> projections, std::span<const MatrixView> dOutputs, const void* input, void* dInput);
  void gather(float* gradient, const MatrixView& left, std::int64_t rows, const MatrixView& right, std::int64_t columns, bool transposed);
  void normGradients(const TensorId& norm, const void* x, const float* weight, const float* inverse, const void* dy);
  MatrixView throughPostNorm(const TensorId& norm, BufferId raw, const float* weight, BufferId inverse);
  void headNormGradients(const TensorId& norm, std::int32_t heads, BufferId dy, BufferId raw, BufferId inverse, const float* weight);
  void attentionGradients(int layer);
  MatrixView beforeScale(int layer, int projection, const MatrixView& dy);
  void unrotate(int layer);
  void embeddingGradient(const Batch& batch);
  const MatrixView& embedding() const { return adaptersOn_ ? embedding_ : model_.embedding; }
  const MatrixView& output() const { return adaptersOn_ ? output_ : model_.output; }
  bool dropout() const { return options_.dropout > 0 && training_; }
  void drop(int layer, int projection, const void* input, void* out, std::int64_t columns);

  const ModelSpec& spec_;
  const Model& model_;
  TrainerOptions options_;
  ThreadPool& pool_;
  const KernelTable& kernels_;
  const ActivationOps& ops_;
  StepLayout layout_;
  TrainedLayout trained_;
  Arena arena_;
  Arena state_;
  float *parameters_, *gradients_, *origins_;
  unsigned char* optimizerState_;

  // Views of the weights that the step uses: the model's, or of the parameters in full training.
  std::vector<BlockWeights> weights_;
  MatrixView embedding_, output_;
  const float* outputNorm_;

  ProductContext products_;
  RotaryTables rotary_;
  ModelSpec inverseSpec_;         // the same with ropes that undo their factors,
  RotaryTables unrotary_;         // whose tables undo rotary_ with direction −1
  std::vector<std::int32_t> positions_, borders_;
  std::vector<AttentionTile> tiles_;
  std::int32_t tokens_ = 0;
  std::uint32_t micro_ = 0;
  bool training_ = false;
  bool scalesStale_ = true;
  std::function<void(int)> layerDone_;
  bool adaptersOn_ = true;  // off: the model as it was before
  std::size_t packedUsed_ = 0;
};

}  // namespace qt
