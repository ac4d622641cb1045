// One block backward. For y = x·Wᵀ + low·Bᵀ with low = scale·x·Aᵀ:
//   dx = dy·W + dLow·A    dLow = scale·dy·B    dA = dLowᵀ·x    dB = dyᵀ·low    dW = dyᵀ·x
// with DoRA's y = c∘(x·Wᵀ + low·Bᵀ) the same from c∘dy instead of dy.
// The gradients of projections that share an input (q,k,v and gate,up) are summed inside one product.
#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include "trainer.hpp"

namespace qt {
namespace {
constexpr std::int64_t rowsPerTask = 64;
constexpr std::int64_t columnsPerTask = 64;
constexpr std::int64_t lanesPerTask = 16;  // of a head's few columns
}  // namespace

// gradient += leftᵀ·right over the tokens: [rows, columns], or stored the other way round when transposed.
void Trainer::gather(float* gradient, const MatrixView& left, std::int64_t rows, const MatrixView& right, std::int64_t columns, bool transposed) {
  Product p;
  p.rows = static_cast<std::int32_t>(rows);
  p.columns = static_cast<std::int32_t>(columns);
  p.out = gradient;
  p.outStride = transposed ? rows : columns;
  p.outTransposed = transposed;
  p.accumulate = true;
  auto* packed = at<unsigned char>(layout_.packed) + packedUsed_;
  if (packedUsed_ + kernels_.packedLeftBytes[products_.bf16](rows, tokens_) > layout_.packedBytes) throw std::logic_error("packed operands outgrew their plan");
  packLeft(products_, left, true, rows, tokens_, packed);
  p.add(packed, right, false, tokens_);
  multiply(products_, p);
}

// The gradient of a projection before DoRA's scale: in place, but for the residual stream's, which others still need.
MatrixView Trainer::beforeScale(int layer, int projection, const MatrixView& dy) {
  const BlockBuffers& b = layout_.blocks[layer];
  const BufferId outputs[projectionCount] = {spec_.queryKeyNorms ? b.rawQuery : b.q,
                                             spec_.queryKeyNorms ? b.rawKey : b.k,
                                             b.v,
                                             spec_.postNorms ? b.rawAttention : b.branch[0],
                                             b.gate,
                                             b.up,
                                             spec_.postNorms ? b.rawFfn : b.branch[1]};
  const bool residual = !spec_.postNorms && (projection == AttentionOut || projection == Down);
  return throughMagnitude(layer, projection, dy, at(outputs[projection]), residual ? at(layout_.dScaled) : const_cast<void*>(dy.data));
}

void Trainer::projectionGradients(int layer, std::span<const int> projections, std::span<const MatrixView> dOutputs, const void* input,
                                  void* dInput) {
  const std::int32_t columns = projectionShape(spec_, projections[0]).columns;
  const std::size_t element = bytesOf(options_.precision);
  const MatrixView x = view(input, tokens_, columns);
  Product sum;
  sum.rows = tokens_;
  sum.columns = columns;
  sum.out = dInput;
  sum.outType = options_.precision;
  sum.outStride = columns;
  packedUsed_ = 0;
  auto* dLow = layout_.dLow < 0 ? nullptr : at<unsigned char>(layout_.dLow);
  std::array<const void*, 3> dLows{};
  for (std::size_t i = 0; i < projections.size(); ++i) {
    const int projection = projections[i];
    const MatrixView dy = hasMagnitude(layer, projection) ? beforeScale(layer, projection, dOutputs[i]) : dOutputs[i];
    const std::int32_t rows = projectionShape(spec_, projection).rows;
    const void* packedDy = pack(dy, rows);
    sum.add(packedDy, weight(layer, projection), false, rows);
    if (options_.full) gather(gradient(weightOf(layer, projection)), dy, rows, x, columns, false);
    if (options_.full && spec_.attentionBias && projection <= Value) {
      float* dBias = gradient(weightOf(layer, Bias + projection));
      pool_.run((rows + columnsPerTask - 1) / columnsPerTask, [&](std::int64_t task, int) {
        ops_.columnSums(dy.data, dBias, tokens_, rows, task * columnsPerTask, std::min<std::int64_t>(rows, (task + 1) * columnsPerTask));
      });
    }
    if (!adapted(layer, projection)) continue;
    if (hasOrigin(layer, projection))
      sum.add(throughOrigin(layer, projection, packedDy, true), origin(loraA(layer, projection)), false, options_.adapters[layer][projection].rank);

    const AdapterModule& module = options_.adapters[layer][projection];
    Product low;
    low.rows = tokens_;
    low.columns = module.rank;
    low.out = dLow;
    low.outType = options_.precision;
    low.outStride = module.rank;
    low.scale = module.scale;
    low.add(packedDy, parameter(loraB(layer, projection)), false, rows);
    multiply(products_, low);
    const MatrixView dLowView = view(dLow, tokens_, module.rank);
    // The rank is the short side, so it is the rows of both products.
    gather(gradient(loraB(layer, projection)), view(at(layout_.blocks[layer].low[projection]), tokens_, module.rank), module.rank, dy, rows, true);
    if (dropout()) drop(layer, projection, input, at(layout_.dropped), columns);
    gather(gradient(loraA(layer, projection)), dLowView, module.rank, dropout() ? view(at(layout_.dropped), tokens_, columns) : x, columns, false);
    if (!dropout()) sum.add(pack(dLowView, module.rank), parameter(loraA(layer, projection)), false, module.rank);
    dLows[i] = dLow;
    dLow += static_cast<std::size_t>(tokens_) * module.rank * element;
  }
  multiply(products_, sum);
  if (!dropout()) return;
  // With dropout each adapter's share passes through its own mask before it is added.
  for (std::size_t i = 0; i < projections.size(); ++i) {
    if (dLows[i] == nullptr) continue;
    const int projection = projections[i];
    const std::int32_t rank = options_.adapters[layer][projection].rank;
    Product share;
    share.rows = tokens_;
    share.columns = columns;
    share.out = at(layout_.dropped);
    share.outType = options_.precision;
    share.outStride = columns;
    share.addPlain(view(dLows[i], tokens_, rank), false, parameter(loraA(layer, projection)), false, rank);
    multiply(products_, share);
    drop(layer, projection, at(layout_.dropped), at(layout_.dropped), columns);
    pool_.run((tokens_ + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
      const std::int64_t begin = task * rowsPerTask * columns, end = std::min<std::int64_t>((task + 1) * rowsPerTask, tokens_) * columns;
      ops_.add(static_cast<unsigned char*>(dInput) + begin * element, at<unsigned char>(layout_.dropped) + begin * element, end - begin);
    });
  }
}

// dx += the gradient through a norm; in full training also the norm's own weights.
void Trainer::normGradients(const TensorId& norm, const void* x, const float* weight, const float* inverse, const void* dy) {
  const std::int64_t d = spec_.dModel;
  const std::size_t row = static_cast<std::size_t>(d) * bytesOf(options_.precision);
  float* dx = at<float>(layout_.dx);
  pool_.run((tokens_ + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * rowsPerTask, count = std::min<std::int64_t>(rowsPerTask, tokens_ - begin);
    ops_.rmsNormBackward(static_cast<const unsigned char*>(x) + begin * row, weight, inverse + begin,
                         static_cast<const unsigned char*>(dy) + begin * row, dx + begin * d, count, d);
  });
  if (!options_.full) return;
  float* dWeight = gradient(norm);
  pool_.run((d + columnsPerTask - 1) / columnsPerTask, [&](std::int64_t task, int) {
    ops_.rmsNormWeightGrad(x, inverse, dy, dWeight, tokens_, d, task * columnsPerTask, std::min<std::int64_t>(d, (task + 1) * columnsPerTask));
  });
}

// The gradient of what was added to the residual, through its norm.
MatrixView Trainer::throughPostNorm(const TensorId& norm, BufferId raw, const float* weight, BufferId inverse) {
  const std::int64_t d = spec_.dModel;
  const std::size_t row = static_cast<std::size_t>(d) * bytesOf(options_.precision);
  auto* dy = at<unsigned char>(layout_.dNormed);
  pool_.run((tokens_ + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * rowsPerTask, count = std::min<std::int64_t>(rowsPerTask, tokens_ - begin);
    ops_.narrow(at<float>(layout_.dx) + begin * d, dy + begin * row, count * d);
  });
  if (options_.full) {
    float* dWeight = gradient(norm);
    pool_.run((d + columnsPerTask - 1) / columnsPerTask, [&](std::int64_t task, int) {
      ops_.rmsNormWeightGrad(at(raw), at<float>(inverse), dy, dWeight, tokens_, d, task * columnsPerTask, std::min<std::int64_t>(d, (task + 1) * columnsPerTask));
    });
  }
  pool_.run((tokens_ + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * rowsPerTask, count = std::min<std::int64_t>(rowsPerTask, tokens_ - begin);
    ops_.rmsNormBackwardInPlace(at<unsigned char>(raw) + begin * row, weight, at<float>(inverse) + begin, dy + begin * row, count, d);
  });
  return view(dy, tokens_, d);
}

// The gradient of q or k becomes that of what was normalised, head by head.
void Trainer::headNormGradients(const TensorId& norm, std::int32_t heads, BufferId dy, BufferId raw, BufferId inverse, const float* weight) {
  const std::int64_t d = spec_.headDim, rows = static_cast<std::int64_t>(tokens_) * heads;
  if (options_.full) {
    float* dWeight = gradient(norm);
    pool_.run((d + lanesPerTask - 1) / lanesPerTask, [&](std::int64_t task, int) {
      ops_.rmsNormWeightGrad(at(raw), at<float>(inverse), at(dy), dWeight, rows, d, task * lanesPerTask, std::min<std::int64_t>(d, (task + 1) * lanesPerTask));
    });
  }
  const std::size_t row = static_cast<std::size_t>(d) * bytesOf(options_.precision);
  pool_.run((rows + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * rowsPerTask, count = std::min<std::int64_t>(rowsPerTask, rows - begin);
    ops_.rmsNormBackwardInPlace(at<unsigned char>(raw) + begin * row, weight, at<float>(inverse) + begin, at<unsigned char>(dy) + begin * row, count, d);
  });
}

void Trainer::attentionGradients(int layer) {
  const BlockBuffers& b = layout_.blocks[layer];
  const AttentionBackward a{attentionShape(layer),
                            at(b.q), at(b.k), at(b.v), at(b.attention), at(layout_.dAttention), at<float>(b.logSumExp), at<float>(layout_.delta),
                            at(layout_.dq), at(layout_.dk), at(layout_.dv)};
  pool_.run((tokens_ + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    ops_.attentionDelta(a, task * rowsPerTask, std::min<std::int64_t>(tokens_, (task + 1) * rowsPerTask));
  });
  const auto tiles = static_cast<std::int64_t>(tiles_.size());
  pool_.run(2 * tiles, [&](std::int64_t task, int thread) {
    void* scratch = products_.scratch + thread * products_.scratchBytes;
    if (task < tiles) ops_.attentionBackwardQuery(a, tiles_[task], scratch);
    else ops_.attentionBackwardKey(a, tiles_[task - tiles], scratch);
  });
  if (const RotaryTable* rotary = rotary_.ofLayer(layer)) {
    const std::int64_t attention = spec_.attentionWidth(), kv = spec_.kvWidth();
    const std::size_t element = bytesOf(options_.precision);
    pool_.run((tokens_ + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
      const std::int64_t begin = task * rowsPerTask, count = std::min<std::int64_t>(rowsPerTask, tokens_ - begin);
      ops_.rotate(at<unsigned char>(layout_.dq) + begin * attention * element, positions_.data() + begin, count, spec_.heads, spec_.headDim, *rotary, -1.0f);
      ops_.rotate(at<unsigned char>(layout_.dk) + begin * kv * element, positions_.data() + begin, count, spec_.kvHeads, spec_.headDim, *rotary, -1.0f);
    });
  }
  if (!spec_.queryKeyNorms) return;
  headNormGradients(weightOf(layer, QueryNorm), spec_.heads, layout_.dq, b.rawQuery, b.queryInverse, weights_[layer].queryNorm);
  headNormGradients(weightOf(layer, KeyNorm), spec_.kvHeads, layout_.dk, b.rawKey, b.keyInverse, weights_[layer].keyNorm);
}

// q and k as they were before rotation, for DoRA's gradients; nobody else needs them any more.
void Trainer::unrotate(int layer) {
  const RotaryTable* rotary = unrotary_.ofLayer(layer);
  if (rotary == nullptr) return;
  const BlockBuffers& b = layout_.blocks[layer];
  const std::int64_t attention = spec_.attentionWidth(), kv = spec_.kvWidth();
  const std::size_t element = bytesOf(options_.precision);
  pool_.run((tokens_ + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * rowsPerTask, count = std::min<std::int64_t>(rowsPerTask, tokens_ - begin);
    ops_.rotate(at<unsigned char>(b.q) + begin * attention * element, positions_.data() + begin, count, spec_.heads, spec_.headDim, *rotary, -1.0f);
    ops_.rotate(at<unsigned char>(b.k) + begin * kv * element, positions_.data() + begin, count, spec_.kvHeads, spec_.headDim, *rotary, -1.0f);
  });
}

void Trainer::backwardBlock(int layer) {
  const BlockBuffers& b = layout_.blocks[layer];
  const BlockWeights& w = weights_[layer];
  void* hidden = at(layout_.hidden);
  const MatrixView dx = dense(at(layout_.dx), DType::F32, tokens_, spec_.dModel);

  activate(layer, hidden);
  const int down[] = {Down};
  const MatrixView dFfn = spec_.postNorms ? throughPostNorm(weightOf(layer, PostFfnNorm), b.rawFfn, w.postFfnNorm, b.postInverse[1]) : dx;
  projectionGradients(layer, down, {&dFfn, 1}, hidden, at(layout_.dAct));
  const std::size_t row = static_cast<std::size_t>(spec_.ffn) * bytesOf(options_.precision);
  // In place, unless DoRA still needs what gate and up were.
  const bool apart = hasMagnitude(layer, Gate) || hasMagnitude(layer, Up);
  auto* dGate = at<unsigned char>(apart ? layout_.dGate : b.gate);
  auto* dUp = at<unsigned char>(apart ? layout_.dUp : b.up);
  const auto gatedBackward = spec_.activation == Activation::Gelu ? ops_.gegluBackward : ops_.swigluBackward;
  pool_.run((tokens_ + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * rowsPerTask, count = std::min<std::int64_t>(rowsPerTask, tokens_ - begin);
    if (apart) {
      std::memcpy(dGate + begin * row, at<unsigned char>(b.gate) + begin * row, count * row);
      std::memcpy(dUp + begin * row, at<unsigned char>(b.up) + begin * row, count * row);
    }
    gatedBackward(dGate + begin * row, dUp + begin * row, at<unsigned char>(layout_.dAct) + begin * row, count * spec_.ffn);
  });
  renormalise(at(b.middle), w.ffnNorm, hidden, at<float>(b.inverse[1]));
  const int gateUp[] = {Gate, Up};
  const MatrixView dGateUp[] = {view(dGate, tokens_, spec_.ffn), view(dUp, tokens_, spec_.ffn)};
  projectionGradients(layer, gateUp, dGateUp, hidden, at(layout_.dHidden));
  normGradients(weightOf(layer, FfnNorm), at(b.middle), w.ffnNorm, at<float>(b.inverse[1]), at(layout_.dHidden));

  const int out[] = {AttentionOut};
  const MatrixView dAttended = spec_.postNorms ? throughPostNorm(weightOf(layer, PostAttentionNorm), b.rawAttention, w.postAttentionNorm, b.postInverse[0]) : dx;
  projectionGradients(layer, out, {&dAttended, 1}, at(b.attention), at(layout_.dAttention));
  attentionGradients(layer);
  if (!spec_.queryKeyNorms && (hasMagnitude(layer, Query) || hasMagnitude(layer, Key))) unrotate(layer);
  renormalise(at(b.input), w.attentionNorm, hidden, at<float>(b.inverse[0]));
  const int qkv[] = {Query, Key, Value};
  const MatrixView dqkv[] = {view(at(layout_.dq), tokens_, spec_.attentionWidth()), view(at(layout_.dk), tokens_, spec_.kvWidth()),
                             view(at(layout_.dv), tokens_, spec_.kvWidth())};
  projectionGradients(layer, qkv, dqkv, hidden, at(layout_.dHidden));
  normGradients(weightOf(layer, AttentionNorm), at(b.input), w.attentionNorm, at<float>(b.inverse[0]), at(layout_.dHidden));
}

void Trainer::embeddingGradient(const Batch& batch) {
  const std::int64_t d = spec_.dModel;
  float* to = gradient(weightOf(-1, Embedding));
  const float* dx = at<float>(layout_.dx);
  // Cut by columns: each thread adds all tokens in order, so a token that occurs twice sums the same way always.
  pool_.run((d + columnsPerTask - 1) / columnsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * columnsPerTask, count = std::min<std::int64_t>(columnsPerTask, d - begin);
    for (std::int64_t t = 0; t < tokens_; ++t) kernels_.addScaled(to + batch.ids[t] * d + begin, dx + t * d + begin, spec_.embeddingScale, count);
  });
}

}  // namespace qt
