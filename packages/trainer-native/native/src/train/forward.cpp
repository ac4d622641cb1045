// One block forward:
//   h = norm(x)   q,k,v = h·Wᵀ (rotated)   m = x + attention(q,k,v)·Woᵀ
//   h = norm(m)   y = m + (silu(h·Wgᵀ)∘(h·Wuᵀ))·Wdᵀ           each W·h with an adapter adds B·(scale·A·h), times DoRA's scale, less PiSSA's B₀·(scale·A₀·h)
// As the model's spec says: biases of q, k, v; norms of each head of q and k; norms on what is added to x and to m; gelu for silu.
#include "trainer.hpp"

#include <algorithm>

namespace qt {
namespace {
constexpr std::int64_t rowsPerTask = 64;
}

// scale·A·x of a projection's adapter, kept for the backward pass; returns it packed.
void* Trainer::lowRank(int layer, int projection, const void* input, const void* packedInput) {
  const Shape shape = projectionShape(spec_, projection);
  const AdapterModule& module = options_.adapters[layer][projection];
  void* low = at(layout_.blocks[layer].low[projection]);
  if (dropout()) {
    drop(layer, projection, input, at(layout_.dropped), shape.columns);
    packedInput = pack(view(at(layout_.dropped), tokens_, shape.columns), shape.columns);
  }
  Product down;
  down.rows = tokens_;
  down.columns = module.rank;
  down.out = low;
  down.outType = options_.precision;
  down.outStride = module.rank;
  down.scale = module.scale;
  down.add(packedInput, parameter(loraA(layer, projection)), true, shape.columns);
  multiply(products_, down);
  return pack(view(low, tokens_, module.rank), module.rank);
}

void Trainer::project(int layer, int projection, const void* input, const void* packedInput, void* out, const void* residual) {
  const Shape shape = projectionShape(spec_, projection);
  Product p;
  p.rows = tokens_;
  p.columns = shape.rows;
  p.out = out;
  p.outType = options_.precision;
  p.outStride = shape.rows;
  p.residual = residual;
  p.residualType = options_.precision;
  if (spec_.attentionBias && projection <= Value) p.bias = weights_[layer].biases[projection];
  p.add(packedInput, weight(layer, projection), true, shape.columns);
  if (hasMagnitude(layer, projection)) {
    p.columnScale = columnScale(layer, projection);
    if (residual != nullptr) p.branch = at(layout_.blocks[layer].branch[projection == Down]);
  }
  const std::size_t mark = packedUsed_;
  if (adapted(layer, projection))
    p.add(lowRank(layer, projection, input, packedInput), parameter(loraB(layer, projection)), true, options_.adapters[layer][projection].rank);
  if (hasOrigin(layer, projection))
    p.add(throughOrigin(layer, projection, packedInput, false), origin(loraB(layer, projection)), true, options_.adapters[layer][projection].rank);
  multiply(products_, p);
  packedUsed_ = mark;
}

// q and k of the tokens at hand: each head normalised, then rotated.
void Trainer::normaliseAndRotate(int layer) {
  const BlockBuffers& b = layout_.blocks[layer];
  const BlockWeights& w = weights_[layer];
  const RotaryTable* rotary = rotary_.ofLayer(layer);
  const std::size_t element = bytesOf(options_.precision);
  const auto one = [&](std::int64_t begin, std::int64_t count, std::int32_t heads, BufferId to, BufferId raw, BufferId inverse, const float* norm) {
    const std::size_t at0 = begin * heads * spec_.headDim * element;
    if (norm != nullptr)
      ops_.rmsNorm(at<unsigned char>(raw) + at0, norm, at<unsigned char>(to) + at0, at<float>(inverse) + begin * heads, count * heads, spec_.headDim,
                   spec_.normEpsilon);
    if (rotary != nullptr) ops_.rotate(at<unsigned char>(to) + at0, positions_.data() + begin, count, heads, spec_.headDim, *rotary, 1.0f);
  };
  pool_.run((tokens_ + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * rowsPerTask, count = std::min<std::int64_t>(rowsPerTask, tokens_ - begin);
    one(begin, count, spec_.heads, b.q, b.rawQuery, b.queryInverse, w.queryNorm);
    one(begin, count, spec_.kvHeads, b.k, b.rawKey, b.keyInverse, w.keyNorm);
  });
}

// out = residual + norm(x)
void Trainer::addNormalised(const void* x, const float* weight, float* inverse, const void* residual, void* out) {
  const std::int64_t d = spec_.dModel;
  const std::size_t row = static_cast<std::size_t>(d) * bytesOf(options_.precision);
  pool_.run((tokens_ + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * rowsPerTask, count = std::min<std::int64_t>(rowsPerTask, tokens_ - begin);
    auto* to = static_cast<unsigned char*>(out) + begin * row;
    ops_.rmsNorm(static_cast<const unsigned char*>(x) + begin * row, weight, to, inverse + begin, count, d, spec_.normEpsilon);
    ops_.add(to, static_cast<const unsigned char*>(residual) + begin * row, count * d);
  });
}

// The activation of the gate times up, of the tokens at hand.
void Trainer::activate(int layer, void* out) {
  const BlockBuffers& b = layout_.blocks[layer];
  const std::size_t row = static_cast<std::size_t>(spec_.ffn) * bytesOf(options_.precision);
  const auto gated = spec_.activation == Activation::Gelu ? ops_.geglu : ops_.swiglu;
  pool_.run((tokens_ + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * rowsPerTask, count = std::min<std::int64_t>(rowsPerTask, tokens_ - begin);
    gated(at<unsigned char>(b.gate) + begin * row, at<unsigned char>(b.up) + begin * row, static_cast<unsigned char*>(out) + begin * row,
          count * spec_.ffn);
  });
}

// `remaining`: also the last product, whose result a repeated block does not need.
void Trainer::forwardBlock(int layer, bool remaining) {
  const BlockBuffers& b = layout_.blocks[layer];
  const BlockWeights& w = weights_[layer];
  const std::int64_t attention = spec_.attentionWidth();
  void* x = at(b.input);
  void* hidden = at(layout_.hidden);

  normalise(x, w.attentionNorm, hidden, at<float>(b.inverse[0]));
  packedUsed_ = 0;
  const void* packed = pack(view(hidden, tokens_, spec_.dModel), spec_.dModel);
  project(layer, Query, hidden, packed, at(spec_.queryKeyNorms ? b.rawQuery : b.q), nullptr);
  project(layer, Key, hidden, packed, at(spec_.queryKeyNorms ? b.rawKey : b.k), nullptr);
  project(layer, Value, hidden, packed, at(b.v), nullptr);
  normaliseAndRotate(layer);
  const AttentionForward a{attentionShape(layer), at(b.q), at(b.k), at(b.v), at(b.attention), at<float>(b.logSumExp)};
  pool_.run(static_cast<std::int64_t>(tiles_.size()),
            [&](std::int64_t task, int thread) { ops_.attention(a, tiles_[task], products_.scratch + thread * products_.scratchBytes); });
  packedUsed_ = 0;
  packed = pack(view(at(b.attention), tokens_, attention), attention);
  if (spec_.postNorms) {
    project(layer, AttentionOut, at(b.attention), packed, at(b.rawAttention), nullptr);
    addNormalised(at(b.rawAttention), w.postAttentionNorm, at<float>(b.postInverse[0]), x, at(b.middle));
  } else {
    project(layer, AttentionOut, at(b.attention), packed, at(b.middle), x);
  }

  normalise(at(b.middle), w.ffnNorm, hidden, at<float>(b.inverse[1]));
  packedUsed_ = 0;
  packed = pack(view(hidden, tokens_, spec_.dModel), spec_.dModel);
  project(layer, Gate, hidden, packed, at(b.gate), nullptr);
  project(layer, Up, hidden, packed, at(b.up), nullptr);
  // A repeated block still needs the adapter's low-rank input of the last projection, and that of the last norm.
  if (!remaining && !adapted(layer, Down) && !spec_.postNorms) return;
  activate(layer, hidden);
  packedUsed_ = 0;
  packed = pack(view(hidden, tokens_, spec_.ffn), spec_.ffn);
  void* out = layer + 1 < spec_.layers ? at(layout_.blocks[layer + 1].input) : at(layout_.finalInput);
  if (spec_.postNorms) {
    project(layer, Down, hidden, packed, at(b.rawFfn), nullptr);
    addNormalised(at(b.rawFfn), w.postFfnNorm, at<float>(b.postInverse[1]), at(b.middle), remaining ? out : hidden);
  } else if (remaining) project(layer, Down, hidden, packed, out, at(b.middle));
  else if (hasMagnitude(layer, Down)) project(layer, Down, hidden, packed, at(b.branch[1]), nullptr);
  else lowRank(layer, Down, hidden, packed);
}

}  // namespace qt
