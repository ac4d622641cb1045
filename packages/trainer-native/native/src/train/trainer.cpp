#include "trainer.hpp"

#include <cmath>
#include <exception>
#include <stdexcept>

namespace qt {
namespace {

ModelSpec withInverseRopes(ModelSpec spec) {
  for (Rope& rope : spec.ropes) rope.factor = 1.0f / rope.factor;
  return spec;
}

}  // namespace

Trainer::Trainer(const Model& model, const TrainerOptions& options, std::unique_ptr<Device> device)
    : spec_(model.spec),
      model_(model),
      options_(options),
      device_(std::move(device)),
      layout_(spec_, options_, device_->needs()),
      trained_(spec_, options_),
      arena_(takeMemory(*device_, layout_.plan.size())),
      weights_(model.blocks),
      scalesStale_(static_cast<std::size_t>(spec_.layers), true) {
  const std::size_t floats = trained_.count + trained_.sums + trained_.rooms + trained_.originCount;
  parameters_ = reinterpret_cast<float*>(takeMemory(*device_, floats * sizeof(float) + trained_.stateBytes));
  gradients_ = parameters_ + trained_.count;
  rooms_ = trained_.apart ? gradients_ + trained_.sums : gradients_;
  origins_ = gradients_ + trained_.sums + trained_.rooms;
  optimizerState_ = reinterpret_cast<unsigned char*>(origins_ + trained_.originCount);
  if (layout_.offloaded > 0) {
    const std::size_t bytes = layout_.offloaded * layout_.offloadedBytes;
    beside_ = device_->allocateBeside(bytes);
    if (beside_ == nullptr) throw OutOfMemory("the machine has not the memory to off-load to: " + std::to_string(bytes >> 20) + " MiB were asked for");
  }
  device_->useScratch(at<unsigned char>(layout_.scratch), layout_.plan.bytes(layout_.scratch));
  if (options_.shardBase && options_.processes > 1 && !options_.full) base_ = std::make_unique<ShardedBase>(model_, *device_, options_.rank, options_.processes);
  if (layout_.tables >= 0) device_->useTables(spec_, options_, at<unsigned char>(layout_.tables));
  takeWeights();
  requireDevice();
  auto* ropes = at<unsigned char>(layout_.rotary);
  rotary_ = rotaryTables(spec_, ropes);
  if (layout_.scaleCount > 0) unrotary_ = rotaryTables(withInverseRopes(spec_), ropes + layout_.plan.bytes(layout_.rotary) / 2);
  for (int l = 0; l < spec_.layers && layout_.scaleCount > 0; ++l) {
    load(l);
    for (int p = 0; p < projectionCount; ++p)
      if (hasMagnitude(l, p)) device_->rowSquares(weight(l, p), columnScale(l, p) + layout_.scaleCount);
  }
  if (trainsVocabulary()) ownWeights();
  requireDevice();
}

// The tables are made anew on the processor and copied: the device keeps them.
std::vector<RotaryTable> Trainer::rotaryTables(const ModelSpec& spec, unsigned char* room) {
  const RotaryTables made(spec, options_.maxPositions);
  std::vector<RotaryTable> tables = made.tables();
  for (RotaryTable& table : tables)
    for (const float** part : {&table.cosine, &table.sine}) {
      const std::size_t bytes = sizeof(float) * static_cast<std::size_t>(table.pairs) * options_.maxPositions;
      device_->copyIn(room, *part, bytes);
      *part = reinterpret_cast<const float*>(room);
      room += roundUpBytes(bytes);
    }
  return tables;
}

// The model's weights, where the device has them; what full training makes its own stays with the model.
void Trainer::takeWeights() {
  embedding_ = model_.embedding;
  output_ = model_.output;
  outputNorm_ = model_.outputNorm;
  const bool tied = output_.data == embedding_.data;
  if (!options_.full) {
    std::size_t bytes = 0;
    overWeights(tied, [&](const auto*&, std::size_t size) { bytes += roundUpBytes(size, residentStep); });
    device_->reserve(bytes);
    overWeights(tied, [&]<class T>(const T*& data, std::size_t size) { data = static_cast<const T*>(device_->resident(data, size)); });
    if (tied) output_.data = embedding_.data;
  }
  modelEmbedding_ = embedding_;
  modelOutput_ = output_;
}

// Calls body(pointer, bytes) for every tensor of the model.
template <class Body>
void Trainer::overWeights(bool tied, const Body& body) {
  const auto vector = [&](const float*& data, std::size_t count) {
    if (data != nullptr) body(data, count * sizeof(float));
  };
  const auto matrix = [&](MatrixView& view) {
    if (view.data != nullptr) body(view.data, static_cast<std::size_t>(view.rows) * view.rowBytes);
  };
  matrix(embedding_);
  if (!tied) matrix(output_);
  vector(outputNorm_, spec_.dModel);
  for (BlockWeights& w : weights_) {
    for (const float** norm : {&w.attentionNorm, &w.ffnNorm, &w.postAttentionNorm, &w.postFfnNorm}) vector(*norm, spec_.dModel);
    for (const float** norm : {&w.queryNorm, &w.keyNorm}) vector(*norm, spec_.headDim);
    for (int p = 0; p < projectionCount && !base_; ++p) matrix(w.projections[p]);
    for (int p = 0; p <= Value; ++p) vector(w.biases[p], projectionShape(spec_, p).rows);
  }
}

// Where the base is shared out, the block becomes whole, and `next` is on its way.
void Trainer::visit(int layer, int next) {
  if (!base_) return;
  base_->visit(layer, next);
  takeProjections(layer);
}

// The same apart from any pass.
void Trainer::load(int layer) {
  if (!base_) return;
  base_->load(layer);
  takeProjections(layer);
}

void Trainer::takeProjections(int layer) {
  for (int p = 0; p < projectionCount; ++p) weights_[layer].projections[p] = base_->projection(layer, p);
}

// What is trained of the model becomes parameters, and the step uses those.
void Trainer::ownWeights() {
  const auto own = [&](const TrainedTensor& t, const MatrixView& from) {
    float* to = parameters_ + t.offset;
    if (from.data != nullptr) device_->decode(from, to);
    return MatrixView{to, TensorType::F32, t.rows, t.columns, static_cast<std::size_t>(t.columns) * sizeof(float)};
  };
  const auto vector = [&](const TrainedTensor& t, const float* from) {
    if (from != nullptr) device_->copyIn(parameters_ + t.offset, from, sizeof(float) * t.columns);
    return parameters_ + t.offset;
  };
  weights_.resize(spec_.layers);
  for (const TrainedTensor& t : trained_.tensors) {
    const auto [adapter, role, layer, module] = t.id;
    if (role != Role::Weight) continue;
    if (module == Embedding) embedding_ = own(t, model_.embedding);
    else if (module == OutputWeight) output_ = own(t, model_.output);
    else if (module == OutputNorm) outputNorm_ = vector(t, model_.outputNorm);
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
  return t == nullptr ? nullptr : rooms_ + t->room;
}

MatrixView Trainer::parameter(const TensorId& id) {
  const TrainedTensor* t = trained_.find(id);
  return {parameters_ + t->offset, TensorType::F32, t->rows, t->columns, static_cast<std::size_t>(t->columns) * sizeof(float)};
}

MatrixView Trainer::origin(const TensorId& id) {
  const OriginTensor* t = trained_.findOrigin(id);
  return dense(origins_ + t->offset, DType::F32, t->rows, t->columns);
}

void Trainer::sumParts(void* out) {
  auto* partial = at<float>(layout_.partial);
  group_->sum(partial, static_cast<std::size_t>(rows_) * spec_.dModel);
  device_->narrow(partial, out, rows_, spec_.dModel);
}

void Trainer::prepare(const Batch& batch) {
  if (options_.tensor.divides() && !group_) throw std::logic_error("a share of a model is nothing without its group");
  if (batch.tokens > options_.maxTokens) throw std::runtime_error("the batch has more tokens than were planned");
  tokens_ = rows_ = batch.tokens;
  for (int d = 0; d < batch.documents; ++d) {
    const std::int32_t begin = batch.borders[d], end = batch.borders[d + 1];
    if (begin < 0 || end < begin || end > batch.tokens || end - begin > options_.maxPositions)
      throw std::runtime_error("a document's borders are out of order, or it is longer than planned");
  }
  for (int i = 0; i < batch.tokens; ++i)
    if (batch.ids[i] < 0 || batch.ids[i] >= spec_.vocabulary || batch.labels[i] >= spec_.vocabulary)
      throw std::runtime_error("a token id lies outside the vocabulary");
  device_->begin(batch, spec_.kvHeads);
}

void Trainer::embed() {
  const EmbeddingNoise noise{training_ ? options_.embeddingNoise : 0.0f, options_.seed, micro_};
  // A pass that was stopped may have left copies on their way.
  if (layout_.offloaded > 0)
    for (const int place : {0, 1}) device_->awaitCopy(place);
  device_->embed(embedding(), at(layout_.blocks[0].input), spec_.embeddingScale, noise);
}

LeftSide Trainer::packAt(std::size_t place, const MatrixView& left, bool transposed, std::int64_t rows, std::int64_t depth) {
  if (place + device_->needs().packedLeft(rows, depth) > layout_.packedBytes) throw std::logic_error("packed operands outgrew their plan");
  return device_->pack(left, transposed, rows, depth, at<unsigned char>(layout_.packed) + place);
}

LeftSide Trainer::pack(const MatrixView& left, std::int64_t depth) {
  const LeftSide packed = packAt(packedUsed_, left, false, rows_, depth);
  packedUsed_ += device_->needs().packedLeft(rows_, depth);
  return packed;
}

// Nothing is thrown through the device, which may be another library's.
void Trainer::repeated(int stretch, const std::function<void()>& work) {
  if (dropout() || base_ || group_) return work();
  std::exception_ptr thrown;
  device_->repeated(stretch, [&] {
    try {
      work();
    } catch (...) {
      thrown = std::current_exception();
    }
    return thrown == nullptr;
  });
  if (thrown) std::rethrow_exception(thrown);
}

void Trainer::offload(int layer) {
  if (layer < layout_.offloaded)
    device_->copyBeside(StepLayout::placeOf(layer), beside(layer), at(layout_.blocks[layer].input), view(nullptr, tokens_, spec_.dModel).rowBytes * tokens_);
}

// Into the place that the input of the block after the next one had.
void Trainer::fetch(int layer) {
  if (layer >= 0 && layer < layout_.offloaded)
    device_->copyBeside(StepLayout::placeOf(layer), at(layout_.blocks[layer].input), beside(layer), view(nullptr, tokens_, spec_.dModel).rowBytes * tokens_);
}

// What lies where a block's input does is there, or is copied away.
void Trainer::awaitInput(int layer) {
  if (layout_.offloaded > 0) device_->awaitCopy(StepLayout::placeOf(layer));
}

void Trainer::drop(int layer, int projection, const void* input, void* out, std::int64_t columns) {
  const auto purpose = static_cast<std::uint32_t>(3 + 256 * (layer * projectionCount + projection));
  device_->dropout(input, out, rows_, columns, {options_.dropout, options_.seed, micro_, purpose, first_, firstColumn(projection)});
}

LossSum Trainer::forwardBackward(const Batch& batch, float weight, std::uint32_t micro, const std::atomic<bool>& abort) {
  training_ = true;
  micro_ = micro;
  prepare(batch);
  embed();
  const LossSum stopped{.finished = false, .documents = {}};
  for (int l = 0; l < spec_.layers; ++l) {
    if (stops(abort)) return stopped;
    visit(l, above(l));
    offload(l);
    awaitInput(l + 1);  // where this one's output goes
    refreshScales(l);  // only where parameters have changed: nothing of what is the same each time
    repeated(l, [&] { forwardBlock(l, true); });
  }
  const auto call = [](const std::function<void(int)>& of, int layer) {
    if (of) of(layer);
  };
  call(calls_.before, spec_.layers);
  const LossSum sum = lossAndGradient(batch, weight, true, abort);
  if (!sum.finished) return stopped;
  call(calls_.done, spec_.layers);
  fetch(spec_.layers - 2);
  for (int l = spec_.layers - 1; l >= 0; --l) {
    if (stops(abort)) return stopped;
    visit(l, l - 1);
    awaitInput(l);
    if (options_.checkpointing) repeated(spec_.layers + l, [&] { forwardBlock(l, false); });
    call(calls_.before, l);
    repeated(2 * spec_.layers + l, [&] { backwardBlock(l); });
    fetch(l - 2);
    call(calls_.done, l);
  }
  call(calls_.before, -1);
  // Of what a group adds up one process brings it.
  if ((options_.full || options_.trainEmbedding) && (!group_ || group_->rank() == 0))
    device_->embeddingGradient(at<float>(layout_.dx), gradient(weightOf(-1, Embedding)), spec_.dModel, spec_.embeddingScale);
  requireDevice();
  call(calls_.done, -1);
  return sum;
}

LossSum Trainer::evaluate(const Batch& batch, const std::atomic<bool>& abort, const EvaluateOptions& options) {
  training_ = options.random;
  micro_ = options.micro;
  prepare(batch);
  struct Adapters {
    bool& on;
    ~Adapters() { on = true; }
  } const restored{adaptersOn_};
  adaptersOn_ = options.adapters;
  embed();
  LossSum sum{.finished = false, .documents = {}};
  int layer = 0;
  for (; layer < spec_.layers && !stops(abort); ++layer) {
    visit(layer, above(layer));
    forwardBlock(layer, true);
  }
  if (layer == spec_.layers) sum = lossAndGradient(batch, 0.0f, false, abort);
  requireDevice();
  return sum;
}

void Trainer::attend(bool gradients) {
  for (int l = 0; l < spec_.layers; ++l) visit(l, above(l));
  if (!gradients) return;
  // What it would write is nothing, and is complete as soon as that of the others is.
  const auto complete = [&](int layer) {
    if (calls_.done) calls_.done(layer);
  };
  complete(spec_.layers);
  for (int l = spec_.layers - 1; l >= 0; --l) {
    visit(l, l - 1);
    complete(l);
  }
  complete(-1);
}

void Trainer::zeroGradients() { device_->zero(gradients_, sizeof(float) * trained_.sums); }

double Trainer::update(const UpdateOptions& o) {
  const std::span<const float> all = gradients();
  const double norm = std::sqrt(device_->sumOfSquares({&all, 1}));
  requireDevice();
  if (std::isfinite(norm)) step(o, norm);
  return norm;
}

void Trainer::step(const UpdateOptions& o, double norm) {
  const float gradScale = o.clip > 0 && norm > o.clip ? static_cast<float>(o.clip / (norm + 1e-6)) : 1.0f;
  for (const TrainedTensor& t : trained_.tensors) {
    const std::int64_t first = trained_.first(t), count = trained_.last(t) - first;
    if (count == 0) continue;
    const ParameterGroup& group = o.groups[static_cast<int>(groupOf(t.id))];
    float* parameter = parameters_ + t.offset + first;
    device_->optimise(options_.optimizer, {t.shapeOf(count), parameter, gradients_ + t.sums, &t.state, optimizerState_},
                      {group.learningRate, o.beta1, o.beta2, o.epsilon, t.decays ? group.weightDecay : 0.0f, gradScale, o.step},
                      layout_.optimizer < 0 ? nullptr : at<float>(layout_.optimizer));
    if (options_.average)
      device_->follow(reinterpret_cast<float*>(optimizerState_ + t.state.back().offset), parameter, count, o.step == 1 ? 0.0f : o.averageDecay);
  }
  staleScales();
  zeroGradients();
  requireDevice();
}

}  // namespace qt
