#include "session.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace qt {
namespace {

constexpr std::int32_t chunk = 256;       // tokens of a prompt taken at once
constexpr std::int32_t fewTokens = 8;     // up to here a weight is read row by row, beyond it is multiplied in tiles
constexpr std::int64_t rowsPerTask = 64;

}  // namespace

Session::Session(const Model& model, const std::vector<AppliedAdapter>& adapters, const SessionOptions& options, ThreadPool& pool,
                 const KernelTable& kernels)
    : model_(model),
      spec_(model.spec),
      adapters_(adapters),
      options_(options),
      pool_(pool),
      kernels_(kernels),
      cache_(static_cast<std::size_t>(2) * spec_.layers * options.contextLength * spec_.kvWidth() * sizeof(float)),
      rotary_(spec_, options.contextLength) {
  const std::size_t d = spec_.dModel, attention = spec_.attentionWidth(), kv = spec_.kvWidth(), ffn = spec_.ffn;
  std::size_t rank = 1;
  for (const AppliedAdapter& a : adapters) rank = std::max<std::size_t>(rank, a.rank);
  const std::size_t widest = std::max({d, attention, ffn, rank});
  x_.resize(chunk * d);
  hidden_.resize(chunk * d);
  if (spec_.postNorms) normed_.resize(chunk * d);
  q_.resize(chunk * attention);
  k_.resize(chunk * kv);
  v_.resize(chunk * kv);
  attention_.resize(chunk * attention);
  gate_.resize(chunk * ffn);
  up_.resize(chunk * ffn);
  low_.resize(chunk * rank);
  product_.resize(fewTokens * std::max(widest, static_cast<std::size_t>(spec_.vocabulary)));
  inverse_.resize(chunk * static_cast<std::size_t>(std::max(1, spec_.heads)));
  scores_.resize(static_cast<std::size_t>(pool.threads()) * options_.contextLength);
  packed_ = std::make_unique<Arena>(kernels.packedLeftBytes[0](chunk, static_cast<std::int64_t>(widest)));
  const std::size_t scratch = roundUpBytes(mostProductScratch(chunk, 1 << 20, kernels));
  scratch_ = std::make_unique<Arena>(scratch * pool.threads());
  products_ = {&kernels_, &pool_, options_.bf16, scratch_->data(), scratch};
}

void Session::truncate(std::int32_t length) {
  if (length < 0 || length > length_) throw std::runtime_error("a session can only be cut to a shorter length");
  length_ = length;
}

// out[count, rows] (+)= scale·x·Wᵀ
void Session::times(const MatrixView& weights, const float* x, std::int32_t count, float* out, float scale, bool accumulate) {
  if (count > fewTokens) {
    packLeft(products_, dense(x, DType::F32, count, weights.columns), count, weights.columns, packed_->data());
    Product p;
    p.rows = count;
    p.columns = static_cast<std::int32_t>(weights.rows);
    p.out = out;
    p.outStride = weights.rows;
    p.scale = scale;
    p.accumulate = accumulate;
    p.add(packed_->data(), weights, true, static_cast<std::int32_t>(weights.columns));
    multiply(products_, p);
    return;
  }
  pool_.run((weights.rows + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * rowsPerTask, end = std::min<std::int64_t>(weights.rows, begin + rowsPerTask);
    kernels_.rowsTimes(weights, x, count, begin, end, product_.data(), weights.rows);
    for (std::int32_t i = 0; i < count; ++i) {
      float* to = out + i * weights.rows + begin;
      if (!accumulate) std::memset(to, 0, sizeof(float) * (end - begin));
      kernels_.addScaled(to, product_.data() + i * weights.rows + begin, scale, end - begin);
    }
  });
}

void Session::project(int layer, int projection, const float* x, std::int32_t count, float* out, bool accumulate) {
  times(model_.blocks[layer].projections[projection], x, count, out, 1.0f, accumulate);
  const Shape shape = projectionShape(spec_, projection);
  if (spec_.attentionBias && projection <= Value)
    for (std::int32_t i = 0; i < count; ++i)
      kernels_.addScaled(out + static_cast<std::size_t>(i) * shape.rows, model_.blocks[layer].biases[projection], 1.0f, shape.rows);
  for (const AppliedAdapter& adapter : adapters_) {
    if (adapter.layer != layer || adapter.projection != projection) continue;
    const auto view = [](const std::vector<float>& data, std::int64_t rows, std::int64_t columns) { return dense(data.data(), DType::F32, rows, columns); };
    times(view(adapter.a, adapter.rank, shape.columns), x, count, low_.data(), adapter.scale, false);
    times(view(adapter.b, shape.rows, adapter.rank), low_.data(), count, out, 1.0f, true);
  }
}

void Session::normalise(const float* x, const float* weight, float* out, std::int32_t count) {
  kernels_.ops[0].rmsNorm(x, weight, out, inverse_.data(), count, spec_.dModel, spec_.normEpsilon);
}

// x_ += what the projection makes of x, through its norm where there is one.
void Session::projectToResidual(int layer, int projection, const float* x, std::int32_t count, const float* postNorm) {
  if (postNorm == nullptr) return project(layer, projection, x, count, x_.data(), true);
  project(layer, projection, x, count, normed_.data(), false);
  normalise(normed_.data(), postNorm, normed_.data(), count);
  kernels_.addScaled(x_.data(), normed_.data(), 1.0f, static_cast<std::int64_t>(count) * spec_.dModel);
}

void Session::normaliseAndRotate(float* x, const float* norm, const RotaryTable* rotary, std::int32_t count, std::int32_t heads) {
  const ActivationOps& ops = kernels_.ops[0];
  if (norm != nullptr) ops.rmsNorm(x, norm, x, inverse_.data(), static_cast<std::int64_t>(count) * heads, spec_.headDim, spec_.normEpsilon);
  if (rotary != nullptr) ops.rotate(x, positions_.data(), count, heads, spec_.headDim, *rotary, 1.0f);
}

void Session::block(int layer, std::int32_t count) {
  const BlockWeights& w = model_.blocks[layer];
  const std::int64_t kv = spec_.kvWidth();
  const std::int32_t window = spec_.layer(layer).window;

  normalise(x_.data(), w.attentionNorm, hidden_.data(), count);
  project(layer, Query, hidden_.data(), count, q_.data(), false);
  project(layer, Key, hidden_.data(), count, k_.data(), false);
  project(layer, Value, hidden_.data(), count, v_.data(), false);
  normaliseAndRotate(q_.data(), w.queryNorm, rotary_.ofLayer(layer), count, spec_.heads);
  normaliseAndRotate(k_.data(), w.keyNorm, rotary_.ofLayer(layer), count, spec_.kvHeads);
  std::memcpy(keys(layer) + length_ * kv, k_.data(), sizeof(float) * count * kv);
  std::memcpy(values(layer) + length_ * kv, v_.data(), sizeof(float) * count * kv);

  pool_.run(static_cast<std::int64_t>(count) * spec_.heads, [&](std::int64_t task, int thread) {
    const std::int64_t token = task / spec_.heads, head = task % spec_.heads, kvHead = head / spec_.queriesPerKey();
    const std::int64_t at = (token * spec_.heads + head) * spec_.headDim, seen = length_ + token + 1;
    const std::int64_t first = window > 0 ? std::max<std::int64_t>(0, seen - window) : 0, from = first * kv + kvHead * spec_.headDim;
    kernels_.attendCache(q_.data() + at, keys(layer) + from, values(layer) + from, seen - first, kv, spec_.headDim, spec_.attentionScale,
                         spec_.attentionSoftcap, attention_.data() + at,
                         scores_.data() + static_cast<std::size_t>(thread) * options_.contextLength);
  });
  projectToResidual(layer, AttentionOut, attention_.data(), count, w.postAttentionNorm);

  normalise(x_.data(), w.ffnNorm, hidden_.data(), count);
  project(layer, Gate, hidden_.data(), count, gate_.data(), false);
  project(layer, Up, hidden_.data(), count, up_.data(), false);
  const auto gated = spec_.activation == Activation::Gelu ? kernels_.ops[0].geglu : kernels_.ops[0].swiglu;
  gated(gate_.data(), up_.data(), gate_.data(), static_cast<std::int64_t>(count) * spec_.ffn);
  projectToResidual(layer, Down, gate_.data(), count, w.postFfnNorm);
}

bool Session::append(const std::int32_t* ids, std::int32_t count, std::int32_t wanted, float* logits, const std::atomic<bool>& abort) {
  if (count <= 0 || wanted < 0 || wanted > count) throw std::runtime_error("nothing to append, or more logits asked for than tokens given");
  if (count > options_.contextLength - length_) throw std::runtime_error("the context is full");
  for (std::int32_t i = 0; i < count; ++i)
    if (ids[i] < 0 || ids[i] >= spec_.vocabulary) throw std::runtime_error("a token id lies outside the vocabulary");
  const std::int32_t before = length_;
  std::vector<float> row(static_cast<std::size_t>(spec_.dModel) + 256);
  for (std::int32_t first = 0; first < count; first += chunk) {
    const std::int32_t n = std::min(chunk, count - first);
    positions_.resize(n);
    for (std::int32_t i = 0; i < n; ++i) {
      positions_[i] = length_ + i;
      kernels_.decodeRow(model_.embedding, ids[first + i], row.data());
      float* x = x_.data() + static_cast<std::size_t>(i) * spec_.dModel;
      for (std::int32_t j = 0; j < spec_.dModel; ++j) x[j] = row[j] * spec_.embeddingScale;
    }
    for (int l = 0; l < spec_.layers; ++l) {
      if (abort.load(std::memory_order_relaxed)) {
        length_ = before;
        return false;
      }
      block(l, n);
    }
    length_ += n;
    const std::int32_t skip = std::max(0, count - wanted - first);
    if (skip >= n) continue;
    normalise(x_.data(), model_.outputNorm, hidden_.data(), n);
    float* to = logits + static_cast<std::size_t>(first + skip - (count - wanted)) * spec_.vocabulary;
    times(model_.output, hidden_.data() + static_cast<std::size_t>(skip) * spec_.dModel, n - skip, to, 1.0f, false);
    if (spec_.logitSoftcap != 0.0f) kernels_.softcap(to, static_cast<std::int64_t>(n - skip) * spec_.vocabulary, spec_.logitSoftcap);
  }
  return true;
}

}  // namespace qt
