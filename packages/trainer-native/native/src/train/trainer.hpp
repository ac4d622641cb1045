// One training step of a decoder: forward, loss, backward, update. Sums have a fixed order, so the same inputs give the
// same bits whatever the number of threads.
#pragma once
#include <atomic>
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
};

// Rate and decay of the tensors of one role.
struct ParameterGroup {
  float learningRate = 0;
  float weightDecay = 0;  // of matrices; norms do not decay
};

struct UpdateOptions {
  std::array<ParameterGroup, roleCount> groups;  // by role
  float beta1, beta2, epsilon;
  float clip;         // 0: off
  std::int64_t step;  // from 1
};

class Trainer {
 public:
  // `model` must outlive the trainer; full training copies its weights into parameters of its own.
  Trainer(const Model& model, const TrainerOptions& options, ThreadPool& pool, const KernelTable& kernels);

  // Adds the gradients of Σ loss·weight over the batch. `micro` numbers the batch within its run, for dropout.
  LossSum forwardBackward(const Batch& batch, float weight, std::uint32_t micro, const std::atomic<bool>& abort);
  LossSum evaluate(const Batch& batch, const std::atomic<bool>& abort);

  // The optimiser's step on what the gradients have gathered, then zero gradients. Returns their norm before clipping; when it is not
  // finite nothing is changed.
  double update(const UpdateOptions& options);
  void zeroGradients();

  const TrainedLayout& trained() const { return trained_; }
  std::span<float> parameters() { return {parameters_, trained_.count}; }
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

  void prepare(const Batch& batch);
  void embed(const Batch& batch);
  void* pack(const MatrixView& left, std::int64_t depth);
  void normalise(const void* x, const float* weight, void* out, float* inverse);
  void renormalise(const void* x, const float* weight, void* out, const float* inverse);
  void forwardBlock(int layer, bool remaining);
  bool adapted(int layer, int projection) const { return !options_.adapters.empty() && options_.adapters[layer][projection].rank > 0; }
  void activate(int layer, void* out);
  void normaliseAndRotate(int layer);
  void addNormalised(const void* x, const float* weight, float* inverse, const void* residual, void* out);
  AttentionShape attentionShape(int layer) const {
    return {spec_.heads, spec_.kvHeads, spec_.headDim, spec_.attentionScale, spec_.attentionSoftcap, spec_.layer(layer).window};
  }
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
  void embeddingGradient(const Batch& batch);
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
  float *parameters_, *gradients_;
  unsigned char* optimizerState_;

  // Views of the weights that the step uses: the model's, or of the parameters in full training.
  std::vector<BlockWeights> weights_;
  MatrixView embedding_, output_;
  const float* outputNorm_;

  ProductContext products_;
  RotaryTables rotary_;
  std::vector<std::int32_t> positions_;
  std::vector<AttentionTile> tiles_;
  std::int32_t tokens_ = 0;
  std::uint32_t micro_ = 0;
  bool training_ = false;
  std::size_t packedUsed_ = 0;
};

}  // namespace qt
