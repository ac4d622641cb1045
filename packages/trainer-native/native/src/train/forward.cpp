// One block forward:
//   h = norm(x)   q,k,v = h·Wᵀ (rotated)   m = x + attention(q,k,v)·Woᵀ
//   h = norm(m)   y = m + (silu(h·Wgᵀ)∘(h·Wuᵀ))·Wdᵀ           each W·h with an adapter adds B·(scale·A·h), times DoRA's scale, less PiSSA's B₀·(scale·A₀·h)
// As the model's spec says: biases of q, k, v; norms of each head of q and k; norms on what is added to x and to m; gelu for silu.
#include "trainer.hpp"

namespace qt {

// scale·A·x of a projection's adapter, kept for the backward pass; returns it packed.
LeftSide Trainer::lowRank(int layer, int projection, const void* plain, const LeftSide& input) {
  const Shape shape = projectionShape(spec_, projection);
  const AdapterModule& module = options_.adapters[layer][projection];
  void* low = at(layout_.blocks[layer].low[projection]);
  Product down;
  down.rows = rows_;
  down.columns = module.rank;
  down.out = low;
  down.outType = options_.precision;
  down.outStride = module.rank;
  down.scale = module.scale;
  if (dropout()) drop(layer, projection, plain, at(layout_.dropped), shape.columns);
  down.add(dropout() ? pack(view(at(layout_.dropped), rows_, shape.columns), shape.columns) : input, parameter(loraA(layer, projection)), true, shape.columns);
  device_->multiply(down);
  return pack(view(low, rows_, module.rank), module.rank);
}

void Trainer::project(int layer, int projection, const void* plain, const LeftSide& input, void* out, const void* residual) {
  const Shape shape = projectionShape(spec_, projection);
  const bool part = givesPart(projection);
  Product p;
  p.rows = rows_;
  p.columns = shape.rows;
  p.out = part ? at(layout_.partial) : out;
  p.outType = part ? DType::F32 : options_.precision;
  p.outStride = shape.rows;
  // Of a sum over a group one part brings it; but where the sum is wanted without it, nobody does.
  const bool apart = part && residual != nullptr && hasMagnitude(layer, projection);
  p.residual = part && (apart || group_->rank() > 0) ? nullptr : residual;
  p.residualType = options_.precision;
  p.bias = bias(layer, projection);
  p.add(input, weight(layer, projection), true, shape.columns);
  if (hasMagnitude(layer, projection)) {
    p.columnScale = columnScale(layer, projection);
    if (residual != nullptr && !part) p.branch = at(layout_.blocks[layer].branch[projection == Down]);
  }
  const std::size_t mark = packedUsed_;
  if (adapted(layer, projection))
    p.add(lowRank(layer, projection, plain, input), parameter(loraB(layer, projection)), true, options_.adapters[layer][projection].rank);
  if (hasOrigin(layer, projection))
    p.add(throughOrigin(layer, projection, input, false, 0), origin(loraB(layer, projection)), true, options_.adapters[layer][projection].rank);
  device_->multiply(p);
  packedUsed_ = mark;
  if (apart) {
    void* branch = at(layout_.blocks[layer].branch[projection == Down]);
    sumParts(branch);
    device_->copy(out, residual, view(nullptr, rows_, shape.rows).rowBytes * static_cast<std::size_t>(rows_));
    device_->add(out, branch, rows_, shape.rows);
  } else if (part) {
    sumParts(out);
  }
}

void Trainer::prepareHeads(int layer) {
  const BlockBuffers& b = layout_.blocks[layer];
  const BlockWeights& w = weights_[layer];
  const bool norms = spec_.queryKeyNorms;
  const RawHeads heads[] = {{{at(b.q), spec_.heads}, norms ? at(b.rawQuery) : nullptr, norms ? at<float>(b.queryInverse) : nullptr, norms ? w.queryNorm : nullptr},
                            {{at(b.k), spec_.kvHeads}, norms ? at(b.rawKey) : nullptr, norms ? at<float>(b.keyInverse) : nullptr, norms ? w.keyNorm : nullptr}};
  device_->prepareHeads(heads, spec_.headDim, rotary(layer, rotary_), spec_.normEpsilon);
}

void Trainer::selfAttention(int layer) {
  const BlockBuffers& b = layout_.blocks[layer];
  const BlockWeights& w = weights_[layer];
  const std::int64_t d = spec_.dModel, attention = spec_.attentionWidth();
  void* x = at(b.input);
  void* hidden = at(layout_.hidden);

  device_->rmsNorm(x, w.attentionNorm, hidden, at<float>(b.inverse[0]), tokens_, d, spec_.normEpsilon);
  packedUsed_ = 0;
  LeftSide packed = pack(view(hidden, tokens_, d), d);
  project(layer, Query, hidden, packed, at(spec_.queryKeyNorms ? b.rawQuery : b.q), nullptr);
  project(layer, Key, hidden, packed, at(spec_.queryKeyNorms ? b.rawKey : b.k), nullptr);
  project(layer, Value, hidden, packed, at(b.v), nullptr);
  prepareHeads(layer);
  device_->attention({attentionShape(layer), at(b.q), at(b.k), at(b.v), at(b.attention), at<float>(b.logSumExp)});
  packedUsed_ = 0;
  packed = pack(view(at(b.attention), tokens_, attention), attention);
  if (spec_.postNorms) {
    project(layer, AttentionOut, at(b.attention), packed, at(b.rawAttention), nullptr);
    device_->rmsNormAdd(at(b.rawAttention), w.postAttentionNorm, x, at(b.middle), at<float>(b.postInverse[0]), tokens_, d, spec_.normEpsilon);
  } else {
    project(layer, AttentionOut, at(b.attention), packed, at(b.middle), x);
  }
}

// Of the rows at hand.
void Trainer::feedForward(int layer, bool remaining) {
  const BlockBuffers& b = layout_.blocks[layer];
  const BlockWeights& w = weights_[layer];
  const std::int64_t d = spec_.dModel;
  void* hidden = at(layout_.hidden);
  void* middle = rowsOf(b.middle, d);

  device_->rmsNorm(middle, w.ffnNorm, hidden, at<float>(b.inverse[1]) + first_, rows_, d, spec_.normEpsilon);
  packedUsed_ = 0;
  LeftSide packed = pack(view(hidden, rows_, d), d);
  project(layer, Gate, hidden, packed, at(b.gate), nullptr);
  project(layer, Up, hidden, packed, at(b.up), nullptr);
  // A repeated block still needs the adapter's low-rank input of the last projection, and that of the last norm.
  if (!remaining && !adapted(layer, Down) && !spec_.postNorms) return;
  device_->gated(spec_.activation, at(b.gate), at(b.up), hidden, rows_, spec_.ffn);
  packedUsed_ = 0;
  packed = pack(view(hidden, rows_, spec_.ffn), spec_.ffn);
  void* out = rowsOf(layer + 1 < spec_.layers ? layout_.blocks[layer + 1].input : layout_.finalInput, d);
  if (spec_.postNorms) {
    project(layer, Down, hidden, packed, at(b.rawFfn), nullptr);
    device_->rmsNormAdd(at(b.rawFfn), w.postFfnNorm, middle, remaining ? out : hidden, at<float>(b.postInverse[1]) + first_, rows_, d, spec_.normEpsilon);
  } else if (remaining) project(layer, Down, hidden, packed, out, middle);
  else if (hasMagnitude(layer, Down)) project(layer, Down, hidden, packed, at(b.branch[1]), nullptr);
  else lowRank(layer, Down, hidden, packed);
}

// `remaining`: also what a repeated block does not need: the last product's result, and chunks, which are repeated one by one when their
// gradients are made.
void Trainer::forwardBlock(int layer, bool remaining) {
  refreshScales(layer);
  selfAttention(layer);
  if (remaining || !layout_.chunked) overChunks([&] { feedForward(layer, remaining); });
}

}  // namespace qt
