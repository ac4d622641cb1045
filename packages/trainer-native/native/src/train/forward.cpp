// One block forward:
//   h = norm(x)   q,k,v = h·Wᵀ (rotated)   m = x + attention(q,k,v)·Woᵀ
//   h = norm(m)   y = m + (silu(h·Wgᵀ)∘(h·Wuᵀ))·Wdᵀ           each W·h with an adapter adds B·(scale·A·h)
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
  p.add(packedInput, weight(layer, projection), true, shape.columns);
  const std::size_t mark = packedUsed_;
  if (adapted(layer, projection))
    p.add(lowRank(layer, projection, input, packedInput), parameter(loraB(layer, projection)), true, options_.adapters[layer][projection].rank);
  multiply(products_, p);
  packedUsed_ = mark;
}

// silu(gate)∘up of the tokens at hand.
void Trainer::activate(int layer, void* out) {
  const BlockBuffers& b = layout_.blocks[layer];
  const std::size_t row = static_cast<std::size_t>(spec_.ffn) * bytesOf(options_.precision);
  pool_.run((tokens_ + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * rowsPerTask, count = std::min<std::int64_t>(rowsPerTask, tokens_ - begin);
    ops_.swiglu(at<unsigned char>(b.gate) + begin * row, at<unsigned char>(b.up) + begin * row, static_cast<unsigned char*>(out) + begin * row,
                count * spec_.ffn);
  });
}

// `remaining`: also the last product, whose result a repeated block does not need.
void Trainer::forwardBlock(int layer, bool remaining) {
  const BlockBuffers& b = layout_.blocks[layer];
  const BlockWeights& w = weights_[layer];
  const DType type = options_.precision;
  const std::int64_t attention = spec_.attentionWidth(), kv = spec_.kvWidth();
  void* x = at(b.input);
  void* hidden = at(layout_.hidden);

  normalise(x, w.attentionNorm, hidden, at<float>(b.inverse[0]));
  packedUsed_ = 0;
  const void* packed = pack(view(hidden, tokens_, spec_.dModel), spec_.dModel);
  project(layer, Query, hidden, packed, at(b.q), nullptr);
  project(layer, Key, hidden, packed, at(b.k), nullptr);
  project(layer, Value, hidden, packed, at(b.v), nullptr);
  pool_.run((tokens_ + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * rowsPerTask, count = std::min<std::int64_t>(rowsPerTask, tokens_ - begin);
    ops_.rotate(at<unsigned char>(b.q) + begin * attention * bytesOf(type), positions_.data() + begin, count, spec_.heads, spec_.headDim, rotary_, 1.0f);
    ops_.rotate(at<unsigned char>(b.k) + begin * kv * bytesOf(type), positions_.data() + begin, count, spec_.kvHeads, spec_.headDim, rotary_, 1.0f);
  });
  const AttentionForward a{{spec_.heads, spec_.kvHeads, spec_.headDim, spec_.attentionScale}, at(b.q), at(b.k), at(b.v), at(b.attention), at<float>(b.logSumExp)};
  pool_.run(static_cast<std::int64_t>(tiles_.size()),
            [&](std::int64_t task, int thread) { ops_.attention(a, tiles_[task], products_.scratch + thread * products_.scratchBytes); });
  packedUsed_ = 0;
  packed = pack(view(at(b.attention), tokens_, attention), attention);
  project(layer, AttentionOut, at(b.attention), packed, at(b.middle), x);

  normalise(at(b.middle), w.ffnNorm, hidden, at<float>(b.inverse[1]));
  packedUsed_ = 0;
  packed = pack(view(hidden, tokens_, spec_.dModel), spec_.dModel);
  project(layer, Gate, hidden, packed, at(b.gate), nullptr);
  project(layer, Up, hidden, packed, at(b.up), nullptr);
  // A repeated block still needs the adapter's low-rank input of the last projection.
  if (!remaining && !adapted(layer, Down)) return;
  activate(layer, hidden);
  packedUsed_ = 0;
  packed = pack(view(hidden, tokens_, spec_.ffn), spec_.ffn);
  void* out = layer + 1 < spec_.layers ? at(layout_.blocks[layer + 1].input) : at(layout_.finalInput);
  if (remaining) project(layer, Down, hidden, packed, out, at(b.middle));
  else lowRank(layer, Down, hidden, packed);
}

}  // namespace qt
