// What a device is asked to do with tensors.
#include <algorithm>
#include <string_view>

#include "../kernels/adafactor.hpp"
#include "../kernels/columns.hpp"
#include "../kernels/decode.hpp"
#include "../kernels/dropout.hpp"
#include "../kernels/elementwise.hpp"
#include "../kernels/embedding.hpp"
#include "../kernels/heads.hpp"
#include "../kernels/loss.hpp"
#include "../kernels/magnitude.hpp"
#include "../kernels/muon.hpp"
#include "../kernels/norm.hpp"
#include "../kernels/optimizers.hpp"
#include "../kernels/rotary.hpp"
#include "cuda_device.hpp"
#include "memory.hpp"
#include "product.hpp"
#include "threads.hpp"
#include "train/magnitude.hpp"
#include "train/principal.hpp"
#include "train/tensors.hpp"

namespace qt::cuda {

// Weights in blocks are decoded one after the other into the scratch; the product then reads them as dense matrices. Float32 ones are narrowed,
// too, for products of bfloat16 that would read them often: cuBLASLt takes no others, and our own tiles fetch no others ahead.
void CudaDevice::multiply(Product& p, Precision precision) noexcept {
  constexpr std::int32_t oftenRead = 256, deep = 128;  // rows that read a weight, and numbers of a term that is worth a launch
  const DType as = precision == Precision::Bf16 ? DType::BF16 : DType::F32;
  const auto bytesOfRight = [as](const MatrixView& m) { return roundUpBytes(static_cast<std::size_t>(m.rows * m.columns) * bytesOf(as), 256); };
  unsigned char* room = decodeRoom();
  const auto left = static_cast<std::size_t>(scratch_ + scratchBytes_ - room);
  bool byCublasLt = precision == Precision::Bf16 && cublasLt_ != nullptr && cublasLt_->wants(p), narrows = precision == Precision::Bf16;
  const auto moves = [&](const ProductTerm& t) {
    if (!isDense(t.right.type)) return true;
    if (t.right.type != TensorType::F32 || !narrows) return false;
    if (byCublasLt) return cublasLt_->isLarge(t);
    return p.rows >= oftenRead && t.depth >= deep && p.columns >= deep && t.right.rowBytes == static_cast<std::size_t>(t.right.columns) * sizeof(float) &&
           reinterpret_cast<std::uintptr_t>(t.right.data) % 16 == 0;
  };
  const auto bytes = [&] {
    std::size_t sum = 0;
    for (int t = 0; t < p.termCount; ++t) sum += moves(p.terms[t]) ? bytesOfRight(p.terms[t].right) : 0;
    return sum;
  };
  if (bytes() > left) byCublasLt = narrows = false;
  for (int t = 0; t < p.termCount; ++t) {
    if (!moves(p.terms[t])) continue;
    MatrixView& right = p.terms[t].right;
    const std::size_t taken = bytesOfRight(right);
    if (taken > static_cast<std::size_t>(scratch_ + scratchBytes_ - room)) return check("a product", Status::BadShape);
    check("decoding weights", [&] { return cuda::decode(right, 0, right.rows, as, room, runtime_.stream()); });
    right = dense(room, as, right.rows, right.columns);
    room += taken;
  }
  check("a product", [&] { return byCublasLt ? cublasLt_->multiply(p, scratch_, runtime_.stream()) : product(p, precision, scratch_, runtime_.stream()); });
}

void CudaDevice::rmsNorm(const void* x, const float* weight, void* out, float* inverse, std::int64_t rows, std::int64_t columns, float epsilon) noexcept {
  check("a norm", [&] { return cuda::rmsNorm(x, precision_, weight, nullptr, out, inverse, rows, columns, epsilon, nullptr, runtime_.stream()); });
}

void CudaDevice::rmsNormApply(const void* x, const float* weight, void* out, const float* inverse, std::int64_t rows, std::int64_t columns) noexcept {
  check("a norm", [&] { return cuda::rmsNormApply(x, precision_, weight, out, inverse, rows, columns, runtime_.stream()); });
}

void CudaDevice::rmsNormAdd(const void* x, const float* weight, const void* residual, void* out, float* inverse, std::int64_t rows, std::int64_t columns,
                            float epsilon) noexcept {
  check("a norm", [&] { return cuda::rmsNorm(x, precision_, weight, residual, out, inverse, rows, columns, epsilon, nullptr, runtime_.stream()); });
}

void CudaDevice::rmsNormBackward(const void* x, const float* weight, const float* inverse, const void* dy, float* dx, std::int64_t rows,
                                 std::int64_t columns) noexcept {
  check("a norm's gradient", [&] { return cuda::rmsNormBackward(x, precision_, weight, inverse, dy, dx, rows, columns, nullptr, runtime_.stream()); });
}

void CudaDevice::rmsNormBackwardInPlace(const void* x, const float* weight, const float* inverse, void* dy, std::int64_t rows, std::int64_t columns) noexcept {
  check("a norm's gradient", [&] { return cuda::rmsNormBackwardInPlace(x, precision_, weight, inverse, dy, rows, columns, runtime_.stream()); });
}

void CudaDevice::rmsNormWeightGrad(const void* x, const float* inverse, const void* dy, float* dWeight, std::int64_t rows, std::int64_t columns) noexcept {
  float* room = columnRoom(rows, columns);
  check("a norm's gradient", [&] { return cuda::rmsNormWeightGrad(x, precision_, inverse, dy, dWeight, rows, columns, nullptr, room, runtime_.stream()); });
}

float* CudaDevice::columnRoom(std::int64_t rows, std::int64_t columns) {
  return room<float>(sums_, static_cast<std::size_t>(columnScratch(rows, columns)));
}

void CudaDevice::prepareHeads(std::span<const RawHeads> heads, std::int32_t headDim, const RotaryTable* rotary, float epsilon) noexcept {
  for (const RawHeads& h : heads) {
    const cuda::Heads own{precision_, batch_.tokens, h.to.heads, headDim, h.norm, h.inverse, epsilon, rotary == nullptr ? RotaryTable{} : *rotary,
                          positions_.get<std::int32_t>()};
    if (h.norm != nullptr || rotary != nullptr)
      check("heads", [&] { return cuda::prepareHeads(own, h.norm == nullptr ? h.to.data : h.raw, h.to.data, runtime_.stream()); });
  }
}

void CudaDevice::rotateBack(std::span<const qt::Heads> heads, std::int32_t headDim, const RotaryTable& rotary) noexcept {
  for (const qt::Heads& h : heads)
    check("rotation", [&] { return rotate(h.data, precision_, positions_.get<std::int32_t>(), batch_.tokens, h.heads, headDim, rotary, -1.0f, runtime_.stream()); });
}

void CudaDevice::attention(const AttentionForward& a) noexcept {
  const Spans* s = spans(AttentionPass::Forward, a.shape);
  check("attention", [&] { return attentionForward(a, precision_, s->list.get<AttentionSpan>(), s->count, runtime_.stream()); });
}

void CudaDevice::attentionBackward(const AttentionBackward& a) noexcept {
  check("attention backward", [&] { return attentionDelta(a, precision_, batch_.tokens, runtime_.stream()); });
  const Spans* query = spans(AttentionPass::Query, a.shape);
  check("attention backward", [&] { return attentionBackwardQuery(a, precision_, query->list.get<AttentionSpan>(), query->count, runtime_.stream()); });
  const Spans* key = spans(AttentionPass::Key, a.shape);
  check("attention backward", [&] { return attentionBackwardKey(a, precision_, key->list.get<AttentionSpan>(), key->count, runtime_.stream()); });
}

void CudaDevice::gated(Activation activation, const void* gate, const void* up, void* out, std::int64_t rows, std::int64_t columns) noexcept {
  const auto one = activation == Activation::Gelu ? geglu : swiglu;
  check("the feed-forward's gate", [&] { return one(gate, up, out, precision_, rows * columns, runtime_.stream()); });
}

void CudaDevice::gatedBackward(const GatedBackward& g, std::int64_t rows, std::int64_t columns) noexcept {
  const auto one = g.activation == Activation::Gelu ? gegluBackward : swigluBackward;
  check("the gradient of the feed-forward's gate", [&] { return one(g.gate, g.up, g.dOut, g.dGate, g.dUp, precision_, rows * columns, runtime_.stream()); });
}

void CudaDevice::narrow(const float* x, void* out, std::int64_t rows, std::int64_t columns) noexcept {
  check("a conversion", [&] { return cuda::narrow(x, out, precision_, rows * columns, runtime_.stream()); });
}

void CudaDevice::add(void* out, const void* x, std::int64_t rows, std::int64_t columns) noexcept {
  check("a sum", [&] { return cuda::add(out, x, precision_, rows * columns, runtime_.stream()); });
}

void CudaDevice::columnSums(const void* x, float* sums, std::int64_t rows, std::int64_t columns) noexcept {
  float* room = columnRoom(rows, columns);
  check("a bias' gradient", [&] { return cuda::columnSums(x, precision_, sums, rows, columns, room, runtime_.stream()); });
}

void CudaDevice::beginLoss(std::span<const std::int32_t> carrying) noexcept {
  const auto count = static_cast<std::size_t>(batch_.tokens);
  upload(carrying_, carrying);
  upload(labels_, std::span(batch_.labels, count));
  if (batch_.weights != nullptr) upload(weights_, std::span(batch_.weights, count));
  room<float>(losses_, carrying.size());
  room<unsigned char>(correct_, carrying.size());
}

void CudaDevice::lossNorm(const void* x, const float* weight, void* out, float* inverse, std::int64_t first, std::int64_t rows, std::int64_t columns,
                          float epsilon) noexcept {
  check("the last norm", [&] { return cuda::rmsNorm(x, precision_, weight, nullptr, out, inverse, rows, columns, epsilon, carrying_.get<std::int32_t>() + first,
                                       runtime_.stream()); });
}

LeftSide CudaDevice::crossEntropy(const LossChunk& c) noexcept {
  const CrossEntropy call{c.logits,
                          c.rows,
                          c.vocabulary,
                          carrying_.get<std::int32_t>() + c.first,
                          labels_.get<std::int32_t>(),
                          batch_.weights == nullptr ? nullptr : weights_.get<float>(),
                          c.weight,
                          c.smoothing,
                          c.softcap,
                          c.gradient,
                          precision_,
                          losses_.get<float>() + c.first,
                          correct_.get<unsigned char>() + c.first};
  check("the loss", [&] { return cuda::crossEntropy(call, runtime_.stream()); });
  MatrixView gradient = dense(c.logits, precision_, c.rows, c.vocabulary);
  gradient.rowBytes = static_cast<std::size_t>(c.vocabulary) * sizeof(float);
  return {gradient, false, nullptr};
}

void CudaDevice::lossNormBackward(const void* x, const float* weight, const float* inverse, const void* dy, float* dx, std::int64_t first, std::int64_t rows,
                                  std::int64_t columns) noexcept {
  check("the last norm's gradient", [&] { return cuda::rmsNormBackward(x, precision_, weight, inverse, dy, dx, rows, columns, carrying_.get<std::int32_t>() + first,
                                                          runtime_.stream()); });
}

void CudaDevice::lossNormWeightGrad(const void* x, const float* inverse, const void* dy, float* dWeight, std::int64_t first, std::int64_t rows,
                                    std::int64_t columns) noexcept {
  float* room = columnRoom(rows, columns);
  const std::int32_t* index = carrying_.get<std::int32_t>() + first;
  check("the last norm's gradient", [&] { return cuda::rmsNormWeightGrad(x, precision_, inverse, dy, dWeight, rows, columns, index, room, runtime_.stream()); });
}

void CudaDevice::endLoss(std::span<float> losses, std::span<unsigned char> correct) noexcept {
  copyOut(losses.data(), losses_.get<float>(), losses.size_bytes());
  copyOut(correct.data(), correct_.get<unsigned char>(), correct.size());
}

void CudaDevice::embed(const MatrixView& table, void* out, float scale, const qt::EmbeddingNoise& noise) noexcept {
  constexpr std::uint32_t purpose = 6;  // core's purposes.noise
  const cuda::EmbeddingNoise own{noise.alpha, lengths_.get<std::int32_t>(), noise.seed, noise.micro, purpose};
  check("the embedding", [&] { return cuda::embed(table, ids_.get<std::int32_t>(), batch_.tokens, scale, own, precision_, out, runtime_.stream()); });
}

void CudaDevice::embeddingGradient(const float* dx, float* to, std::int64_t columns, float scale) noexcept {
  std::int64_t distinct = 0;
  check("ordering a batch", [&] {
    const auto tokens = static_cast<std::size_t>(batch_.tokens);
    std::vector<std::int32_t> order(tokens), begins(tokens + 1);
    distinct = orderTokens(batch_.ids, batch_.tokens, order.data(), begins.data());
    upload<std::int32_t>(order_, order);
    upload<std::int32_t>(begins_, begins);
  });
  check("the embedding's gradient", [&] { return cuda::embeddingGradient(dx, ids_.get<std::int32_t>(), order_.get<std::int32_t>(), begins_.get<std::int32_t>(), distinct,
                                                            columns, scale, to, runtime_.stream()); });
}

void CudaDevice::dropout(const void* x, void* out, std::int64_t rows, std::int64_t columns, const Dropout& o) noexcept {
  check("dropout", [&] { return cuda::dropout(x, out, precision_, rows, columns, o.p, o.seed, o.micro, o.purpose, o.first, o.firstColumn, runtime_.stream()); });
}

// The caller's rows go through the scratch, as many at once as fit.
void CudaDevice::decode(const MatrixView& callers, float* to) noexcept {
  const auto together = std::max<std::int64_t>(1, static_cast<std::int64_t>((scratchBytes_ - productRoom_) / callers.rowBytes));
  for (std::int64_t row = 0; row < callers.rows; row += together) {
    const std::int64_t count = std::min(together, callers.rows - row);
    copyIn(decodeRoom(), static_cast<const unsigned char*>(callers.data) + row * callers.rowBytes, static_cast<std::size_t>(count) * callers.rowBytes);
    const MatrixView rows{decodeRoom(), callers.type, count, callers.columns, callers.rowBytes};
    check("decoding weights", [&] { return cuda::decode(rows, 0, count, DType::F32, to + row * callers.columns, runtime_.stream()); });
  }
}

// Calls body(rows, first): the weight in float32, in stretches of rows that fit into the scratch.
template <class Body>
void CudaDevice::overDecoded(const MatrixView& weight, const Body& body) {
  const std::size_t rowBytes = static_cast<std::size_t>(weight.columns) * sizeof(float);
  const auto together = std::max<std::int64_t>(1, static_cast<std::int64_t>((scratchBytes_ - productRoom_) / rowBytes));
  for (std::int64_t row = 0; row < weight.rows; row += together) {
    const std::int64_t count = std::min(together, weight.rows - row);
    check("decoding weights", [&] { return cuda::decode(weight, row, row + count, DType::F32, decodeRoom(), runtime_.stream()); });
    body(dense(decodeRoom(), DType::F32, count, weight.columns), row);
  }
}

void CudaDevice::rowSquares(const MatrixView& weight, float* squares) noexcept {
  overDecoded(weight, [&](const MatrixView& rows, std::int64_t first) {
    check("lengths of rows", [&] { return cuda::rowSquares(static_cast<const float*>(rows.data), squares + first, rows.rows, rows.columns, runtime_.stream()); });
  });
}

void CudaDevice::adaptedNorms(const AdaptedWeight& adapted, const float* squares, float* norms, float* scratch) noexcept {
  const auto& [weight, a, b, scale] = adapted;
  const std::int64_t outputs = weight.rows, rank = a.rows;
  float* cross = scratch;                  // A·Wᵀ [rank, outputs]
  float* gram = scratch + rank * outputs;  // A·Aᵀ [rank, rank]
  const auto times = [&](const MatrixView& right, float* out, std::int64_t stride) {
    Product p;
    p.rows = static_cast<std::int32_t>(rank);
    p.columns = static_cast<std::int32_t>(right.rows);
    p.out = out;
    p.outStride = stride;
    p.addPlain(a, false, right, true, static_cast<std::int32_t>(a.columns));
    check("lengths of rows", [&] { return product(p, Precision::F32, scratch_, runtime_.stream()); });
  };
  overDecoded(weight, [&](const MatrixView& rows, std::int64_t first) { times(rows, cross + first, outputs); });
  times(a, gram, rank);
  const AdaptedRows rows{static_cast<const float*>(b.data), cross, gram, squares, outputs, rank, scale};
  check("lengths of rows", [&] { return cuda::adaptedNorms(rows, norms, runtime_.stream()); });
}

void CudaDevice::normsToScales(float* norms, const float* magnitude, std::int64_t count) noexcept {
  check("DoRA's scales", [&] { return cuda::normsToScales(norms, magnitude, count, runtime_.stream()); });
}

void CudaDevice::magnitudeGradients(const MatrixView& dy, const void* y, void* dz, const Magnitudes& m) noexcept {
  const std::int64_t columns = dy.columns;
  // The sums lie behind the scratch that they are made in.
  float* scratch = room<float>(sums_, static_cast<std::size_t>(columnScratch(dy.rows, columns) + columns));
  if (scratch == nullptr) return;
  float* sums = scratch + columnScratch(dy.rows, columns);
  zero(sums, sizeof(float) * static_cast<std::size_t>(columns));
  const DType dyType = dy.type == TensorType::F32 ? DType::F32 : DType::BF16;
  check("DoRA's gradients", [&] { return scaleBackward(dy.data, dyType, y, precision_, m.bias, m.scale, dz, sums, dy.rows, columns, scratch, runtime_.stream()); });
  check("DoRA's gradients", [&] { return magnitudeGradient(sums, m.magnitude, m.gradient, columns, runtime_.stream()); });
}

// Once a run, and small beside it: the weight is decoded here, the processor finds its directions.
bool CudaDevice::principal(const MatrixView& weight, const PrincipalFactors& out, std::uint64_t seed, std::uint32_t stream, const std::atomic<bool>& abort) noexcept {
  bool finished = false;
  check("singular directions", [&] { finished = principalHere(weight, out, seed, stream, abort); });
  return finished;
}

bool CudaDevice::principalHere(const MatrixView& weight, const PrincipalFactors& out, std::uint64_t seed, std::uint32_t stream, const std::atomic<bool>& abort) {
  std::vector<float> decoded(static_cast<std::size_t>(weight.rows * weight.columns));
  overDecoded(weight, [&](const MatrixView& rows, std::int64_t first) {
    copyOut(decoded.data() + first * weight.columns, rows.data, static_cast<std::size_t>(rows.rows * rows.columns) * sizeof(float));
  });
  return principalFactorsHere(dense(decoded.data(), DType::F32, weight.rows, weight.columns), out, seed, stream, abort);
}

double CudaDevice::sumOfSquares(std::span<const std::span<const float>> stretches) noexcept {
  std::size_t workspace = 0;
  for (const std::span<const float> x : stretches) workspace += squaresWorkspace(static_cast<std::int64_t>(x.size()));
  auto* partials = room<unsigned char>(partials_, squaresFront + workspace);
  double sum = 0;
  check("the gradient's length", [&] { return cuda::sumOfSquares(stretches, partials + squaresFront, reinterpret_cast<double*>(partials), runtime_.stream()); });
  if (partials != nullptr) copyOut(&sum, partials, sizeof sum);
  return sum;
}

// What the optimisers' kernels read of clipping; the caller has seen to it that the gradient is finite.
const GradientNorm* CudaDevice::normFor(float gradScale) {
  const GradientNorm host{1.0, gradScale, 1};
  if (gradScale != gradScale_) upload(norm_, std::span(&host, 1));
  // What a failure kept from the device is brought the next time.
  gradScale_ = failure_.empty() ? gradScale : 0;
  return norm_.get<GradientNorm>();
}

void CudaDevice::optimise(OptimizerKind kind, const OptimizedTensor& t, const OptimizerStep& o, float* room) noexcept {
  const AdamStep step = adamStep(o);
  const std::int64_t count = t.shape.size();
  const GradientNorm* norm = normFor(o.gradScale);
  const Stream stream = runtime_.stream();
  // Small tensors, and those that Muon leaves alone, are AdamW's: their state says so.
  const StateArray& first = t.arrays->front();
  const bool plain = first.type == StateType::F32 && std::string_view(first.name) == "first_moment";
  const auto status = [&] {
    if (kind == OptimizerKind::Sgd)
      return sgd(t.parameter, t.gradient, t.array<float>(0), count, o.learningRate, o.beta1, o.weightDecay, norm, stream);
    if (plain) return adamw(t.parameter, t.gradient, t.array<float>(0), t.array<float>(1), count, step, norm, stream);
    const std::int64_t rows = t.shape.rows, columns = t.shape.columns;
    if (kind == OptimizerKind::Adafactor) {
      float* columnSquares = rows > 1 && columns > 1 ? t.array<float>(1) : nullptr;
      return adafactor(t.parameter, t.gradient, t.array<float>(0), columnSquares, rows, columns, o.learningRate, o.weightDecay, o.step, norm, room, stream);
    }
    if (kind == OptimizerKind::Muon) {
      return muon(t.parameter, t.gradient, t.array<float>(0), rows, columns, o.learningRate, o.beta1, o.weightDecay, norm, room, stream);
    }
    const Moments8bit moments{t.array<std::uint8_t>(0), t.array<std::uint8_t>(1), t.array<float>(2), t.array<float>(3)};
    return adamw8bit(t.parameter, t.gradient, moments, count, step, {signedCodes(), unsignedCodes()}, norm, stream);
  };
  check("the optimiser's step", status);
}

void CudaDevice::addTo(float* sums, const float* x, std::int64_t count) noexcept {
  check("a sum", [&] { return cuda::add(sums, x, DType::F32, count, runtime_.stream()); });
}

void CudaDevice::follow(float* average, const float* parameter, std::int64_t count, float decay) noexcept {
  check("the moving average", [&] { return movingAverage(average, parameter, count, decay, nullptr, runtime_.stream()); });
}

}  // namespace qt::cuda
