// Output layer and cross-entropy in chunks of the tokens that carry loss: logits → loss → their gradient in place → the
// gradient of the hidden state, then forgotten. There is never a tensor of all tokens by the vocabulary.
#include <algorithm>

#include "trainer.hpp"

namespace qt {

std::vector<std::size_t> Trainer::lossShares(std::size_t carrying) const {
  const std::size_t size = group_ ? group_->size() : 1;
  std::vector<std::size_t> begins;
  for (std::size_t r = 0; r <= size; ++r) begins.push_back(carrying * r / size);
  return begins;
}

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

  const std::vector<std::size_t> shares = lossShares(carrying.size());
  const std::size_t begin = shares[group_ ? group_->rank() : 0], count = shares[(group_ ? group_->rank() : 0) + 1] - begin;
  device_->beginLoss(std::span(carrying).subspan(begin, count));
  for (std::size_t first = 0; first < count; first += chunk) {
    if (stops(abort)) return LossSum{.finished = false, .documents = {}};
    const auto rows = static_cast<std::int32_t>(std::min<std::size_t>(chunk, count - first));
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
  device_->endLoss(std::span(losses).subspan(begin, count), std::span(correct).subspan(begin, count));
  if (!othersCount()) requireDevice();
  if (group_) shareLoss(carrying, shares, losses, correct, gradient);

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

// Each process of a group has its tokens' losses and their rows of dx; all get all of them.
void Trainer::shareLoss(std::span<const std::int32_t> carrying, const std::vector<std::size_t>& shares, std::span<float> losses,
                        std::span<unsigned char> correct, bool gradient) {
  Cuts rows, floats;
  for (const std::size_t share : shares) {
    const std::size_t token = share == 0 ? 0 : share == carrying.size() ? tokens_ : carrying[share];
    rows.push_back(token * spec_.dModel);
    floats.push_back(share * sizeof(float));
  }
  if (gradient) group_->gather(at<float>(layout_.dx), rows);
  group_->gatherCallers(losses.data(), floats);
  group_->gatherCallers(correct.data(), shares);
}

}  // namespace qt
