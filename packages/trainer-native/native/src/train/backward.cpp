// One block backward. For y = x·Wᵀ + low·Bᵀ with low = scale·x·Aᵀ:
//   dx = dy·W + dLow·A    dLow = scale·dy·B    dA = dLowᵀ·x    dB = dyᵀ·low    dW = dyᵀ·x
// with DoRA's y = c∘(x·Wᵀ + low·Bᵀ) the same from c∘dy instead of dy.
// The gradients of projections that share an input (q,k,v and gate,up) are summed inside one product.
#include <array>

#include "trainer.hpp"

namespace qt {

// gradient += leftᵀ·right over the tokens: [rows, columns], or stored the other way round when transposed.
void Trainer::gather(float* gradient, const MatrixView& left, std::int64_t rows, const MatrixView& right, std::int64_t columns, bool transposed) {
  Product p;
  p.rows = static_cast<std::int32_t>(rows);
  p.columns = static_cast<std::int32_t>(columns);
  p.out = gradient;
  p.outStride = transposed ? rows : columns;
  p.outTransposed = transposed;
  p.accumulate = true;
  p.add(packAt(packedUsed_, left, true, rows, rows_), right, false, rows_);
  device_->multiply(p);
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
  const MatrixView x = view(input, rows_, columns);
  const bool part = takesPart(projections[0]);
  Product sum;
  sum.rows = rows_;
  sum.columns = columns;
  sum.out = part ? at(layout_.partial) : dInput;
  sum.outType = part ? DType::F32 : options_.precision;
  sum.outStride = columns;
  packedUsed_ = 0;
  auto* dLow = layout_.dLow < 0 ? nullptr : at<unsigned char>(layout_.dLow);
  std::array<const void*, 3> dLows{};
  for (std::size_t i = 0; i < projections.size(); ++i) {
    const int projection = projections[i];
    const MatrixView dy = hasMagnitude(layer, projection) ? beforeScale(layer, projection, dOutputs[i]) : dOutputs[i];
    const std::int32_t rows = projectionShape(spec_, projection).rows;
    const LeftSide packedDy = pack(dy, rows);
    sum.add(packedDy, weight(layer, projection), false, rows);
    if (options_.full) gather(gradient(weightOf(layer, projection)), dy, rows, x, columns, false);
    if (options_.full && bias(layer, projection) != nullptr) device_->columnSums(dy.data, gradient(weightOf(layer, Bias + projection)), rows_, rows);
    if (!adapted(layer, projection)) continue;
    if (hasOrigin(layer, projection))
      sum.add(throughOrigin(layer, projection, packedDy, true, i), origin(loraA(layer, projection)), false, options_.adapters[layer][projection].rank);

    const AdapterModule& module = options_.adapters[layer][projection];
    Product low;
    low.rows = rows_;
    low.columns = module.rank;
    low.out = dLow;
    low.outType = options_.precision;
    low.outStride = module.rank;
    low.scale = module.scale;
    low.add(packedDy, parameter(loraB(layer, projection)), false, rows);
    device_->multiply(low);
    const MatrixView dLowView = view(dLow, rows_, module.rank);
    // The rank is the short side, so it is the rows of both products.
    gather(gradient(loraB(layer, projection)), view(at(layout_.blocks[layer].low[projection]), rows_, module.rank), module.rank, dy, rows, true);
    if (dropout()) drop(layer, projection, input, at(layout_.dropped), columns);
    gather(gradient(loraA(layer, projection)), dLowView, module.rank, dropout() ? view(at(layout_.dropped), rows_, columns) : x, columns, false);
    if (!dropout()) sum.add(pack(dLowView, module.rank), parameter(loraA(layer, projection)), false, module.rank);
    dLows[i] = dLow;
    dLow += static_cast<std::size_t>(rows_) * module.rank * element;
  }
  if (part && dropout()) {
    addDropped(layer, projections, dLows, dInput, true);
    sum.residual = dInput;
    sum.residualType = options_.precision;
  }
  device_->multiply(sum);
  if (part) sumParts(dInput);
  else if (dropout()) addDropped(layer, projections, dLows, dInput, false);
}

// With dropout each adapter's share passes through its own mask before it is added; `first`: to nothing.
void Trainer::addDropped(int layer, std::span<const int> projections, std::span<const void* const> dLows, void* dInput, bool first) {
  const std::int32_t columns = projectionShape(spec_, projections[0]).columns;
  for (std::size_t i = 0; i < projections.size(); ++i) {
    if (dLows[i] == nullptr) continue;
    const int projection = projections[i];
    const std::int32_t rank = options_.adapters[layer][projection].rank;
    Product share;
    share.rows = rows_;
    share.columns = columns;
    share.out = at(layout_.dropped);
    share.outType = options_.precision;
    share.outStride = columns;
    share.addPlain(view(dLows[i], rows_, rank), false, parameter(loraA(layer, projection)), false, rank);
    device_->multiply(share);
    drop(layer, projection, at(layout_.dropped), first ? dInput : at(layout_.dropped), columns);
    if (!first) device_->add(dInput, at(layout_.dropped), rows_, columns);
    first = false;
  }
  if (first) device_->zero(dInput, static_cast<std::size_t>(rows_) * columns * bytesOf(options_.precision));
}

// dx += the gradient through a norm; in full training also the norm's own weights.
void Trainer::normGradients(const TensorId& norm, const void* x, const float* weight, const float* inverse, const void* dy) {
  const std::int64_t d = spec_.dModel;
  device_->rmsNormBackward(x, weight, inverse, dy, dxRows(), rows_, d);
  if (options_.full) device_->rmsNormWeightGrad(x, inverse, dy, gradient(norm), rows_, d);
}

// The gradient of what was added to the residual, through its norm.
MatrixView Trainer::throughPostNorm(const TensorId& norm, const void* raw, const float* weight, const float* inverse) {
  const std::int64_t d = spec_.dModel;
  void* dy = at(layout_.dNormed);
  device_->narrow(dxRows(), dy, rows_, d);
  if (options_.full) device_->rmsNormWeightGrad(raw, inverse, dy, gradient(norm), rows_, d);
  device_->rmsNormBackwardInPlace(raw, weight, inverse, dy, rows_, d);
  return view(dy, rows_, d);
}

// The same where no norm is between. A device that packs operands rounds them as it does; for one that reads them where they lie float32 is
// twice the bytes, which products of bfloat16 cannot take as they are. It lies where the gradient of the block's part will.
MatrixView Trainer::residualGradient() {
  const std::int64_t d = spec_.dModel;
  if (options_.precision == DType::F32 || device_->needs().packedLeft(rows_, d) > 0) return dense(dxRows(), DType::F32, rows_, d);
  void* dy = at(layout_.dHidden);
  device_->narrow(dxRows(), dy, rows_, d);
  return view(dy, rows_, d);
}

// The gradient of q or k becomes that of what was normalised, head by head.
void Trainer::headNormGradients(const TensorId& norm, std::int32_t heads, BufferId dy, BufferId raw, BufferId inverse, const float* weight) {
  const std::int64_t rows = static_cast<std::int64_t>(tokens_) * heads;
  if (options_.full) device_->rmsNormWeightGrad(at(raw), at<float>(inverse), at(dy), gradient(norm), rows, spec_.headDim);
  device_->rmsNormBackwardInPlace(at(raw), weight, at<float>(inverse), at(dy), rows, spec_.headDim);
}

void Trainer::attentionGradients(int layer) {
  const BlockBuffers& b = layout_.blocks[layer];
  device_->attentionBackward({attentionShape(layer),
                              at(b.q), at(b.k), at(b.v), at(b.attention), at(layout_.dAttention), at<float>(b.logSumExp), at<float>(layout_.delta),
                              at(layout_.dq), at(layout_.dk), at(layout_.dv)});
  if (const RotaryTable* table = rotary(layer, rotary_)) {
    const Heads heads[] = {{at(layout_.dq), spec_.heads}, {at(layout_.dk), spec_.kvHeads}};
    device_->rotateBack(heads, spec_.headDim, *table);
  }
  if (!spec_.queryKeyNorms) return;
  headNormGradients(weightOf(layer, QueryNorm), spec_.heads, layout_.dq, b.rawQuery, b.queryInverse, weights_[layer].queryNorm);
  headNormGradients(weightOf(layer, KeyNorm), spec_.kvHeads, layout_.dk, b.rawKey, b.keyInverse, weights_[layer].keyNorm);
}

// q and k as they were before rotation, for DoRA's gradients; nobody else needs them any more.
void Trainer::unrotate(int layer) {
  const BlockBuffers& b = layout_.blocks[layer];
  const Heads heads[] = {{at(b.q), spec_.heads}, {at(b.k), spec_.kvHeads}};
  if (const RotaryTable* table = rotary(layer, unrotary_)) device_->rotateBack(heads, spec_.headDim, *table);
}

// Of the rows at hand, whose gate and up are there.
void Trainer::feedForwardGradients(int layer) {
  const BlockBuffers& b = layout_.blocks[layer];
  const BlockWeights& w = weights_[layer];
  void* hidden = at(layout_.hidden);
  const void* middle = rowsOf(b.middle, spec_.dModel);
  const float* inverse = at<float>(b.inverse[1]) + first_;

  device_->gated(spec_.activation, at(b.gate), at(b.up), hidden, rows_, spec_.ffn);
  const int down[] = {Down};
  const MatrixView dFfn = spec_.postNorms ? throughPostNorm(weightOf(layer, PostFfnNorm), at(b.rawFfn), w.postFfnNorm, at<float>(b.postInverse[1]) + first_)
                                          : residualGradient();
  projectionGradients(layer, down, {&dFfn, 1}, hidden, at(layout_.dAct));
  // In place, unless DoRA still needs what gate and up were.
  const bool apart = hasMagnitude(layer, Gate) || hasMagnitude(layer, Up);
  void* dGate = at(apart ? layout_.dGate : b.gate);
  void* dUp = at(apart ? layout_.dUp : b.up);
  device_->gatedBackward({spec_.activation, at(b.gate), at(b.up), at(layout_.dAct), dGate, dUp}, rows_, spec_.ffn);
  device_->rmsNormApply(middle, w.ffnNorm, hidden, inverse, rows_, spec_.dModel);
  const int gateUp[] = {Gate, Up};
  const MatrixView dGateUp[] = {view(dGate, rows_, spec_.ffn), view(dUp, rows_, spec_.ffn)};
  projectionGradients(layer, gateUp, dGateUp, hidden, at(layout_.dHidden));
  normGradients(weightOf(layer, FfnNorm), middle, w.ffnNorm, inverse, at(layout_.dHidden));
}

void Trainer::backwardBlock(int layer) {
  const BlockBuffers& b = layout_.blocks[layer];
  const BlockWeights& w = weights_[layer];
  void* hidden = at(layout_.hidden);
  overChunks([&] {
    if (layout_.chunked) feedForward(layer, false);
    feedForwardGradients(layer);
  });

  const int out[] = {AttentionOut};
  const MatrixView dAttended = spec_.postNorms ? throughPostNorm(weightOf(layer, PostAttentionNorm), at(b.rawAttention), w.postAttentionNorm, at<float>(b.postInverse[0]))
                                                : residualGradient();
  projectionGradients(layer, out, {&dAttended, 1}, at(b.attention), at(layout_.dAttention));
  attentionGradients(layer);
  if (!spec_.queryKeyNorms && (hasMagnitude(layer, Query) || hasMagnitude(layer, Key))) unrotate(layer);
  device_->rmsNormApply(at(b.input), w.attentionNorm, hidden, at<float>(b.inverse[0]), tokens_, spec_.dModel);
  const int qkv[] = {Query, Key, Value};
  const MatrixView dqkv[] = {view(at(layout_.dq), tokens_, spec_.attentionWidth()), view(at(layout_.dk), tokens_, spec_.kvWidth()),
                             view(at(layout_.dv), tokens_, spec_.kvWidth())};
  projectionGradients(layer, qkv, dqkv, hidden, at(layout_.dHidden));
  normGradients(weightOf(layer, AttentionNorm), at(b.input), w.attentionNorm, at<float>(b.inverse[0]), at(layout_.dHidden));
}

}  // namespace qt
