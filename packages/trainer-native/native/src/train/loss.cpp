// Output layer and cross-entropy in chunks of the tokens that carry loss: logits → loss → their gradient in place → the
// gradient of the hidden state, then forgotten. There is never a tensor of all tokens by the vocabulary.
#include <algorithm>

#include "trainer.hpp"

namespace qt {

LossSum Trainer::lossAndGradient(const Batch& batch, float weight, bool gradient, const std::atomic<bool>& abort) {
  const std::int64_t d = spec_.dModel, vocabulary = spec_.vocabulary;
  const std::int64_t chunk = std::min<std::int64_t>(options_.lossChunk, options_.maxTokens);
  float* dx = at<float>(layout_.dx);
  if (gradient) device_->zero(dx, sizeof(float) * tokens_ * d);
  std::vector<std::int32_t> carrying;
  for (std::int32_t t = 0; t < tokens_; ++t)
    if (batch.labels[t] >= 0) carrying.push_back(t);
  const auto weightAt = [&](std::int32_t token) { return batch.weights == nullptr ? 1.0f : batch.weights[token]; };

  const void* x = at(layout_.finalInput);
  void* dHidden = at(layout_.dLossHidden);
  void* hidden = at(layout_.lossHidden);
  float* inverse = at<float>(layout_.lossInverse);
  float* logits = at<float>(layout_.logits);
  void* packed = at(layout_.lossPacked);

  device_->beginLoss(carrying);
  for (std::size_t first = 0; first < carrying.size(); first += chunk) {
    if (stops(abort)) return LossSum{.finished = false, .documents = {}};
    const auto rows = static_cast<std::int32_t>(std::min<std::size_t>(chunk, carrying.size() - first));
    device_->lossNorm(x, outputNorm_, hidden, inverse, static_cast<std::int64_t>(first), rows, d, spec_.normEpsilon);
    const MatrixView hiddenView = dense(hidden, options_.precision, rows, d);

    Product forward;
    forward.rows = rows;
    forward.columns = static_cast<std::int32_t>(vocabulary);
    forward.out = logits;
    forward.outStride = vocabulary;
    forward.add(device_->pack(hiddenView, false, rows, d, packed), output(), true, static_cast<std::int32_t>(d));
    device_->multiply(forward);

    const LeftSide dLogits = device_->crossEntropy({static_cast<std::int64_t>(first), rows, logits, spec_.vocabulary, weight,
                                                    training_ ? options_.labelSmoothing : 0.0f, spec_.logitSoftcap, gradient, packed});
    if (!gradient) continue;

    Product backward;
    backward.rows = rows;
    backward.columns = static_cast<std::int32_t>(d);
    backward.out = dHidden;
    backward.outType = options_.precision;
    backward.outStride = d;
    backward.add(dLogits, output(), false, static_cast<std::int32_t>(vocabulary));
    device_->multiply(backward);

    if (options_.full || options_.trainOutput) {
      Product dWeight;
      dWeight.rows = static_cast<std::int32_t>(vocabulary);
      dWeight.columns = static_cast<std::int32_t>(d);
      dWeight.out = this->gradient(weightOf(-1, options_.full && spec_.tiedEmbeddings ? Embedding : OutputWeight));
      dWeight.outStride = d;
      dWeight.accumulate = true;
      dWeight.addPlain(dLogits.view, true, hiddenView, false, rows);
      device_->multiply(dWeight);
    }
    if (options_.full)
      device_->lossNormWeightGrad(x, inverse, dHidden, this->gradient(weightOf(-1, OutputNorm)), static_cast<std::int64_t>(first), rows, d);
    device_->lossNormBackward(x, outputNorm_, inverse, dHidden, dx, static_cast<std::int64_t>(first), rows, d);
  }
  std::vector<float> losses(carrying.size());
  std::vector<unsigned char> correct(carrying.size());
  device_->endLoss(losses, correct);
  requireDevice();

  LossSum sum;
  sum.tokens = static_cast<std::int64_t>(carrying.size());
  sum.documents.resize(batch.documents);
  int document = 0;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    const double own = weightAt(carrying[i]);
    sum.loss += own * losses[i];
    sum.weight += own;
    while (document + 1 < batch.documents && carrying[i] >= batch.borders[document + 1]) ++document;
    sum.documents[document] += own * losses[i];
    sum.correct += correct[i];
  }
  return sum;
}

}  // namespace qt
