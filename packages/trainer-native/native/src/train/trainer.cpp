#include "trainer.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "../philox.hpp"
#include "magnitude.hpp"

namespace qt {
namespace {

// Rows of one task: large enough to be worth handing out, fixed so that sums do not depend on threads.
constexpr std::int64_t rowsPerTask = 64;

template <class Body>
void overRows(ThreadPool& pool, std::int64_t rows, std::int64_t together, const Body& body) {
  pool.run((rows + together - 1) / together, [&](std::int64_t task, int) {
    const std::int64_t begin = task * together;
    body(begin, std::min(rows, begin + together));
  });
}

ModelSpec withInverseRopes(ModelSpec spec) {
  for (Rope& rope : spec.ropes) rope.factor = 1.0f / rope.factor;
  return spec;
}

const void* rowOf(const void* data, std::int64_t row, std::int64_t columns, DType type) {
  return static_cast<const unsigned char*>(data) + row * columns * bytesOf(type);
}
void* rowOf(void* data, std::int64_t row, std::int64_t columns, DType type) {
  return static_cast<unsigned char*>(data) + row * columns * bytesOf(type);
}

}  // namespace

Trainer::Trainer(const Model& model, const TrainerOptions& options, ThreadPool& pool, const KernelTable& kernels)
    : spec_(model.spec),
      model_(model),
      options_(options),
      pool_(pool),
      kernels_(kernels),
      ops_(kernels.ops[options.precision == DType::BF16]),
      layout_(spec_, options_, kernels, pool.threads()),
      trained_(spec_, options_),
      arena_(layout_.plan.size()),
      state_((trained_.count * 2 + trained_.originCount) * sizeof(float) + trained_.stateBytes),
      weights_(model.blocks),
      embedding_(model.embedding),
      output_(model.output),
      outputNorm_(model.outputNorm),
      rotary_(spec_, options_.maxPositions),
      inverseSpec_(withInverseRopes(spec_)),
      unrotary_(inverseSpec_, layout_.scaleCount > 0 ? options_.maxPositions : 0) {
  parameters_ = reinterpret_cast<float*>(state_.data());
  gradients_ = parameters_ + trained_.count;
  origins_ = gradients_ + trained_.count;
  optimizerState_ = reinterpret_cast<unsigned char*>(origins_ + trained_.originCount);
  products_ = {&kernels_, &pool_, options_.precision == DType::BF16, at<unsigned char>(layout_.scratch), layout_.scratchBytes};
  for (int l = 0; l < spec_.layers; ++l)
    for (int p = 0; p < projectionCount; ++p)
      if (hasMagnitude(l, p)) rowSquares(pool_, kernels_, weight(l, p), columnScale(l, p) + layout_.scaleCount);

  if (!options_.full && !options_.trainEmbedding && !options_.trainOutput) return;
  const auto own = [&](const TrainedTensor& t, const MatrixView& from) {
    float* to = parameters_ + t.offset;
    if (from.data != nullptr)
      pool_.run(from.rows, [&](std::int64_t row, int) { kernels_.decodeRow(from, row, to + row * from.columns); });
    return MatrixView{to, TensorType::F32, t.rows, t.columns, static_cast<std::size_t>(t.columns) * sizeof(float)};
  };
  const auto vector = [&](const TrainedTensor& t, const float* from) {
    if (from != nullptr) std::memcpy(parameters_ + t.offset, from, sizeof(float) * t.columns);
    return parameters_ + t.offset;
  };
  weights_.resize(spec_.layers);
  for (const TrainedTensor& t : trained_.tensors) {
    const auto [adapter, role, layer, module] = t.id;
    if (role != Role::Weight) continue;
    if (module == Embedding) embedding_ = own(t, model.embedding);
    else if (module == OutputWeight) output_ = own(t, model.output);
    else if (module == OutputNorm) outputNorm_ = vector(t, model.outputNorm);
    else if (module == AttentionNorm) weights_[layer].attentionNorm = vector(t, weights_[layer].attentionNorm);
    else if (module == FfnNorm) weights_[layer].ffnNorm = vector(t, weights_[layer].ffnNorm);
    else if (module == QueryNorm) weights_[layer].queryNorm = vector(t, weights_[layer].queryNorm);
    else if (module == KeyNorm) weights_[layer].keyNorm = vector(t, weights_[layer].keyNorm);
    else if (module == PostAttentionNorm) weights_[layer].postAttentionNorm = vector(t, weights_[layer].postAttentionNorm);
    else if (module == PostFfnNorm) weights_[layer].postFfnNorm = vector(t, weights_[layer].postFfnNorm);
    else if (module >= Bias) weights_[layer].biases[module - Bias] = vector(t, weights_[layer].biases[module - Bias]);
    else weights_[layer].projections[module] = own(t, weights_[layer].projections[module]);
  }
  if (options_.full && spec_.tiedEmbeddings) output_ = embedding_;
}

float* Trainer::gradient(const TensorId& id) {
  const TrainedTensor* t = trained_.find(id);
  return t == nullptr ? nullptr : gradients_ + t->offset;
}

MatrixView Trainer::parameter(const TensorId& id) {
  const TrainedTensor* t = trained_.find(id);
  return {parameters_ + t->offset, TensorType::F32, t->rows, t->columns, static_cast<std::size_t>(t->columns) * sizeof(float)};
}

MatrixView Trainer::origin(const TensorId& id) {
  const OriginTensor* t = trained_.findOrigin(id);
  return dense(origins_ + t->offset, DType::F32, t->rows, t->columns);
}

// Positions within documents, and the tiles of attention: documents in order, long tiles first within each.
void Trainer::prepare(const Batch& batch) {
  if (batch.tokens > options_.maxTokens) throw std::runtime_error("the batch has more tokens than were planned");
  tokens_ = batch.tokens;
  borders_.assign(batch.borders, batch.borders + batch.documents + 1);
  positions_.resize(batch.tokens);
  tiles_.clear();
  for (int d = 0; d < batch.documents; ++d) {
    const std::int32_t begin = batch.borders[d], end = batch.borders[d + 1];
    if (begin < 0 || end < begin || end > batch.tokens || end - begin > options_.maxPositions)
      throw std::runtime_error("a document's borders are out of order, or it is longer than planned");
    for (std::int32_t i = begin; i < end; ++i) positions_[i] = i - begin;
    for (int tile = (end - begin + attentionTileRows - 1) / attentionTileRows - 1; tile >= 0; --tile)
      for (int head = 0; head < spec_.kvHeads; ++head) tiles_.push_back({begin, end, tile, head});
  }
  for (int i = 0; i < batch.tokens; ++i)
    if (batch.ids[i] < 0 || batch.ids[i] >= spec_.vocabulary || batch.labels[i] >= spec_.vocabulary)
      throw std::runtime_error("a token id lies outside the vocabulary");
  refreshScales();
}

void Trainer::embed(const Batch& batch) {
  void* out = at(layout_.blocks[0].input);
  overRows(pool_, tokens_, rowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> row(static_cast<std::size_t>(spec_.dModel) + 256);
    for (std::int64_t t = begin; t < end; ++t) {
      kernels_.decodeRow(embedding(), batch.ids[t], row.data());
      if (spec_.embeddingScale != 1.0f)
        for (std::int32_t i = 0; i < spec_.dModel; ++i) row[i] *= spec_.embeddingScale;
      if (training_ && options_.embeddingNoise > 0) addNoise(row.data(), t);
      ops_.narrow(row.data(), rowOf(out, t, spec_.dModel, options_.precision), spec_.dModel);
    }
  });
}

// NEFTune (Jain et al., arXiv 2310.05914): uniform noise up to α/√(length of the document · width), drawn by token and element.
void Trainer::addNoise(float* row, std::int64_t token) {
  constexpr std::uint32_t purpose = 6;  // core's purposes.noise
  const auto document = std::upper_bound(borders_.begin(), borders_.end(), static_cast<std::int32_t>(token));
  const double size = options_.embeddingNoise / std::sqrt(static_cast<double>(*document - *(document - 1)) * spec_.dModel);
  for (std::int64_t i = 0; i < spec_.dModel; i += 4) {
    std::uint32_t word[4];
    philox(static_cast<std::uint64_t>(i) / 4, micro_, purpose, options_.seed ^ (static_cast<std::uint64_t>(token) << 32), word);
    for (int j = 0; j < 4 && i + j < spec_.dModel; ++j) row[i + j] += static_cast<float>(size * (word[j] / 2147483648.0 - 1.0));
  }
}

void* Trainer::pack(const MatrixView& left, std::int64_t depth) {
  auto* out = at<unsigned char>(layout_.packed) + packedUsed_;
  packedUsed_ += roundUpBytes(kernels_.packedLeftBytes[products_.bf16](tokens_, depth));
  if (packedUsed_ > layout_.packedBytes) throw std::logic_error("packed operands outgrew their plan");
  packLeft(products_, left, false, tokens_, depth, out);
  return out;
}

void Trainer::normalise(const void* x, const float* weight, void* out, float* inverse) {
  const std::int64_t d = spec_.dModel;
  overRows(pool_, tokens_, rowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    ops_.rmsNorm(rowOf(x, begin, d, options_.precision), weight, rowOf(out, begin, d, options_.precision), inverse + begin, end - begin, d,
                 spec_.normEpsilon);
  });
}

void Trainer::renormalise(const void* x, const float* weight, void* out, const float* inverse) {
  const std::int64_t d = spec_.dModel;
  overRows(pool_, tokens_, rowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    ops_.rmsNormApply(rowOf(x, begin, d, options_.precision), weight, rowOf(out, begin, d, options_.precision), inverse + begin, end - begin, d);
  });
}

void Trainer::drop(int layer, int projection, const void* input, void* out, std::int64_t columns) {
  const auto purpose = static_cast<std::uint32_t>(3 + 256 * (layer * projectionCount + projection));
  overRows(pool_, tokens_, rowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    // Every row draws its own numbers: the seed and the row are the key, so that cutting rows changes nothing.
    for (std::int64_t t = begin; t < end; ++t)
      ops_.dropout(rowOf(input, t, columns, options_.precision), rowOf(out, t, columns, options_.precision), columns, options_.dropout,
                   options_.seed ^ (static_cast<std::uint64_t>(t) << 32), micro_, purpose);
  });
}

LossSum Trainer::forwardBackward(const Batch& batch, float weight, std::uint32_t micro, const std::atomic<bool>& abort) {
  training_ = true;
  micro_ = micro;
  prepare(batch);
  embed(batch);
  const LossSum stopped{.finished = false, .documents = {}};
  for (int l = 0; l < spec_.layers; ++l) {
    if (abort.load(std::memory_order_relaxed)) return stopped;
    forwardBlock(l, true);
  }
  const LossSum sum = lossAndGradient(batch, weight, true, abort);
  if (!sum.finished) return stopped;
  for (int l = spec_.layers - 1; l >= 0; --l) {
    if (abort.load(std::memory_order_relaxed)) return stopped;
    if (options_.checkpointing) forwardBlock(l, false);
    backwardBlock(l);
    if (layerDone_) layerDone_(l);
  }
  if (options_.full || options_.trainEmbedding) embeddingGradient(batch);
  return sum;
}

LossSum Trainer::evaluate(const Batch& batch, const std::atomic<bool>& abort, const EvaluateOptions& options) {
  training_ = options.random;
  micro_ = options.micro;
  prepare(batch);
  adaptersOn_ = options.adapters;
  embed(batch);
  LossSum sum{.finished = false, .documents = {}};
  int layer = 0;
  for (; layer < spec_.layers && !abort.load(std::memory_order_relaxed); ++layer) forwardBlock(layer, true);
  if (layer == spec_.layers) sum = lossAndGradient(batch, 0.0f, false, abort);
  adaptersOn_ = true;
  return sum;
}

void Trainer::zeroGradients() {
  overElements(pool_, static_cast<std::int64_t>(trained_.count),
               [&](std::int64_t begin, std::int64_t end) { std::memset(gradients_ + begin, 0, sizeof(float) * (end - begin)); });
}

// The moving average, after a tensor's step.
void Trainer::follow(const TrainedTensor& t, float decay) {
  auto* average = reinterpret_cast<float*>(optimizerState_ + t.state.back().offset);
  const float* parameter = parameters_ + t.offset + trained_.first(t);
  overElements(pool_, trained_.last(t) - trained_.first(t), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) average[i] += (1.0f - decay) * (parameter[i] - average[i]);
  });
}

double Trainer::update(const UpdateOptions& o) {
  const double norm = std::sqrt(sumOverElements(pool_, static_cast<std::int64_t>(trained_.count), [&](std::int64_t begin, std::int64_t end) {
    return kernels_.sumOfSquares(gradients_ + begin, end - begin);
  }));
  if (std::isfinite(norm)) step(o, norm);
  return norm;
}

void Trainer::step(const UpdateOptions& o, double norm) {
  const float gradScale = o.clip > 0 && norm > o.clip ? static_cast<float>(o.clip / (norm + 1e-6)) : 1.0f;
  const Optimizer& optimizer = optimizerOf(options_.optimizer);
  for (const TrainedTensor& t : trained_.tensors) {
    const std::int64_t first = trained_.first(t), count = trained_.last(t) - first;
    if (count == 0) continue;
    const TensorShape shape = count == t.size() ? t.shape() : TensorShape{1, count, false};
    const ParameterGroup& group = o.groups[static_cast<int>(groupOf(t.id))];
    optimizer.update({shape, parameters_ + t.offset + first, gradients_ + t.offset + first, &t.state, optimizerState_},
                     {group.learningRate, o.beta1, o.beta2, o.epsilon, t.decays ? group.weightDecay : 0.0f, gradScale, o.step},
                     {products_, layout_.optimizer < 0 ? nullptr : at<float>(layout_.optimizer)});
    if (options_.average) follow(t, o.step == 1 ? 0.0f : o.averageDecay);
  }
  scalesStale_ = true;
  zeroGradients();
}

}  // namespace qt
