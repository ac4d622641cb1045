// Output layer and cross-entropy in chunks of the tokens that carry loss: logits → loss → their gradient in place → the
// gradient of the hidden state, then forgotten. There is never a tensor of all tokens by the vocabulary.
#include <algorithm>
#include <cstring>

#include "trainer.hpp"

namespace qt {

LossSum Trainer::lossAndGradient(const Batch& batch, float weight, bool gradient, const std::atomic<bool>& abort) {
  const std::int64_t d = spec_.dModel, vocabulary = spec_.vocabulary;
  const std::size_t element = bytesOf(options_.precision), row = static_cast<std::size_t>(d) * element;
  const std::int64_t chunk = std::min<std::int64_t>(options_.lossChunk, options_.maxTokens);
  const auto* x = at<unsigned char>(layout_.finalInput);
  float* dx = at<float>(layout_.dx);
  if (gradient) std::memset(dx, 0, sizeof(float) * tokens_ * d);
  std::vector<std::int32_t> carrying;
  for (std::int32_t t = 0; t < tokens_; ++t)
    if (batch.labels[t] >= 0) carrying.push_back(t);
  const auto weightAt = [&](std::int32_t token) { return batch.weights == nullptr ? 1.0f : batch.weights[token]; };

  auto* gathered = at<unsigned char>(layout_.dLossHidden) + chunk * row;
  auto* dHidden = at<unsigned char>(layout_.dLossHidden);
  auto* hidden = at<unsigned char>(layout_.lossHidden);
  float* inverse = at<float>(layout_.lossInverse);
  float* logits = at<float>(layout_.logits);
  void* packed = at(layout_.lossPacked);
  std::vector<float> losses(carrying.size());
  std::vector<unsigned char> correct(carrying.size());

  for (std::size_t first = 0; first < carrying.size(); first += chunk) {
    if (abort.load(std::memory_order_relaxed)) return LossSum{.finished = false, .documents = {}};
    const auto rows = static_cast<std::int32_t>(std::min<std::size_t>(chunk, carrying.size() - first));
    for (std::int32_t r = 0; r < rows; ++r) std::memcpy(gathered + r * row, x + carrying[first + r] * row, row);
    ops_.rmsNorm(gathered, outputNorm_, hidden, inverse, rows, d, spec_.normEpsilon);
    const MatrixView hiddenView = dense(hidden, options_.precision, rows, d);
    const MatrixView logitsView = dense(logits, DType::F32, rows, vocabulary);

    Product forward;
    forward.rows = rows;
    forward.columns = static_cast<std::int32_t>(vocabulary);
    forward.out = logits;
    forward.outStride = vocabulary;
    packLeft(products_, hiddenView, false, rows, d, packed);
    forward.add(packed, output(), true, static_cast<std::int32_t>(d));
    multiply(products_, forward);

    // The gradient is packed for its product while its rows are still in the caches.
    const std::int64_t panelRows = kernels_.panelRows[products_.bf16];
    const std::int64_t panels = (rows + panelRows - 1) / panelRows;
    // Sixteen rows are packed in the time of eight; where that leaves threads without a task, each takes a panel.
    const std::int64_t together = panelRows >= 16 || panels < 2 * pool_.threads() ? 1 : 2;
    pool_.run((panels + together - 1) / together, [&](std::int64_t task, int) {
      const std::int64_t begin = task * together, end = std::min(panels, begin + together);
      const std::int64_t last = std::min<std::int64_t>(rows, end * panelRows);
      for (std::int64_t r = begin * panelRows; r < last; ++r) {
        bool right = false;
        const std::int32_t token = carrying[first + r];
        losses[first + r] = kernels_.crossEntropy(logits + r * vocabulary, vocabulary, batch.labels[token], weight * weightAt(token), training_ ? options_.labelSmoothing : 0.0f, gradient,
                                               spec_.logitSoftcap, &right);
        correct[first + r] = right;
      }
      if (gradient) kernels_.packLeft[products_.bf16](logitsView, false, rows, vocabulary, begin, end, packed);
    });
    if (!gradient) continue;

    Product backward;
    backward.rows = rows;
    backward.columns = static_cast<std::int32_t>(d);
    backward.out = dHidden;
    backward.outType = options_.precision;
    backward.outStride = d;
    backward.add(packed, output(), false, static_cast<std::int32_t>(vocabulary));
    multiply(products_, backward);

    if (options_.full || options_.trainOutput) {
      Product dWeight;
      dWeight.rows = static_cast<std::int32_t>(vocabulary);
      dWeight.columns = static_cast<std::int32_t>(d);
      dWeight.out = this->gradient(weightOf(-1, options_.full && spec_.tiedEmbeddings ? Embedding : OutputWeight));
      dWeight.outStride = d;
      dWeight.accumulate = true;
      dWeight.addPlain(logitsView, true, hiddenView, false, rows);
      multiply(products_, dWeight);
    }
    if (options_.full)
      ops_.rmsNormWeightGrad(gathered, inverse, dHidden, this->gradient(weightOf(-1, OutputNorm)), rows, d, 0, d);
    for (std::int32_t r = 0; r < rows; ++r)
      ops_.rmsNormBackward(gathered + r * row, outputNorm_, inverse + r, dHidden + r * row, dx + static_cast<std::int64_t>(carrying[first + r]) * d, 1, d);
  }

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
