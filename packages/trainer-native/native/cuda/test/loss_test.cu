// Cross-entropy of logits and the sums of losses beside the CPU's and plain loops.
#include <limits>

#include "kernels/loss.hpp"
#include "activations.hpp"

using namespace qt;
using namespace qt::cuda;

namespace {

void rows(std::int64_t vocabulary, float smoothing, float softcap, bool weighted, std::size_t offset = 0) {
  constexpr std::int64_t count = 3;
  const Array<std::int32_t> tokens(std::vector<std::int32_t>{1, 2, 4});
  const auto last = static_cast<std::int32_t>(vocabulary - 1);
  const std::vector<std::int32_t> byToken{-1, 0, last, -1, last / 2};
  const std::vector<float> weightsByToken{1, 0.5f, 2, 1, 0};
  const Array<std::int32_t> labels(byToken);
  const Array<float> weights(weightsByToken);
  std::vector<float> from = drawNumbers(count * vocabulary, 1, 20);
  from[last / 2 + 2 * vocabulary] = 25;  // the last row's label is the highest
  Array<float> logits(from, offset), expected(from), losses(count);
  Array<unsigned char> correct(count);
  CrossEntropy a{};
  a.logits = logits.data();
  a.rows = count;
  a.vocabulary = vocabulary;
  a.tokens = tokens.data();
  a.labels = labels.data();
  a.weights = weighted ? weights.data() : nullptr;
  a.weight = 0.25f;
  a.smoothing = smoothing;
  a.softcap = softcap;
  a.gradient = false;
  a.losses = losses.data();
  a.correct = correct.data();
  CHECK(finish(crossEntropy(a, nullptr)));
  const std::vector<float> lossesAlone = losses.copy();
  for (std::size_t i = 0; i < from.size(); ++i) CHECK(logits[i] == from[i]);
  a.gradient = true;
  CHECK(finish(crossEntropy(a, nullptr)));
  for (int r = 0; r < count; ++r) {
    bool right;
    const std::int32_t token = tokens[r];
    const float loss = kernels().crossEntropy(expected.data() + r * vocabulary, vocabulary, byToken[token], 0.25f * (weighted ? weightsByToken[token] : 1.0f), smoothing, true, softcap, &right);
    CHECK_NEAR(losses[r], loss, 2e-5 * std::max(1.0f, loss));
    CHECK(lossesAlone[r] == losses[r]);
    CHECK((correct[r] != 0) == right);
  }
  CHECK(correct[2] != 0);
  if (vocabulary > 1) checkClose("the gradient of logits", logits, expected, 5e-6);

  Array<float> narrowed(from, offset);
  a.logits = narrowed.data();
  a.gradientType = DType::BF16;
  CHECK(finish(crossEntropy(a, nullptr)));
  for (std::int64_t r = 0; r < count; ++r) {
    const auto* halves = reinterpret_cast<const bf16*>(narrowed.data() + r * vocabulary);
    for (std::int64_t c = 0; c < vocabulary; ++c) CHECK(halves[c].bits == narrow(logits[r * vocabulary + c]).bits);
  }
}

void nanAndInfinity() {
  constexpr float infinite = std::numeric_limits<float>::infinity();
  const Array<std::int32_t> tokens(std::vector<std::int32_t>{0, 1}), labels(std::vector<std::int32_t>{1, 1});
  Array<float> logits(std::vector<float>{-infinite, 1, 2, -infinite, 0, 1, NAN, 2}), losses(2);
  Array<unsigned char> correct(2);
  CrossEntropy a{};
  a.logits = logits.data();
  a.rows = 2;
  a.vocabulary = 4;
  a.tokens = tokens.data();
  a.labels = labels.data();
  a.losses = losses.data();
  a.correct = correct.data();
  CHECK(finish(crossEntropy(a, nullptr)));
  CHECK_NEAR(losses[0], std::log(std::exp(1.0) + std::exp(2.0)) - 1, 1e-6);
  CHECK(logits[0] == 0 && logits[3] == 0 && correct[0] == 0);
  CHECK(std::isnan(losses[1]) && std::isnan(logits[4]));
}

}  // namespace

int main() {
  if (deviceMissing()) return skipped("cuda_loss_test", 2);
  for (const std::int64_t vocabulary : {1, 5, 97, 1024, 5003})
    for (const float smoothing : {0.0f, 0.1f})
      for (const float softcap : {0.0f, 30.0f}) rows(vocabulary, smoothing, softcap, smoothing != softcap);
  rows(64, 0.1f, 0, true, 1);  // not on a border of 16 bytes
  nanAndInfinity();
  return report("cuda_loss_test");
}
