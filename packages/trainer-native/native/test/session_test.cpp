// Generation computes what training computes: the log-probabilities of a text through the cache, token by token and in
// one piece, equal the loss of the trainer; adapters and truncation included.
#include <cmath>

#include "check.hpp"
#include "generate/session.hpp"
#include "tiny.hpp"

using namespace qt;
using namespace qt::test;

namespace {

void compare(const ModelSpec& spec) {
  std::atomic<bool> abort{false};
  ThreadPool pool(2);
  const KernelTable& k = kernels();
  Tiny tiny = makeTiny(false, spec);
  Trainer trainer(tiny.model, tiny.options, pool, k);
  loadParameters(tiny, trainer);
  std::vector<AppliedAdapter> adapters;
  for (int l = 0; l < tiny.model.spec.layers; ++l)
    for (int p = 0; p < projectionCount; ++p) {
      const AdapterModule& m = tiny.options.adapters[l][p];
      if (m.rank == 0) continue;
      AppliedAdapter a{l, p, m.rank, m.scale, {}, {}};
      const reference::Values& low = tiny.decoder.weights.at(loraA(l, p));
      const reference::Values& high = tiny.decoder.weights.at(loraB(l, p));
      a.a.assign(low.begin(), low.end());
      a.b.assign(high.begin(), high.end());
      adapters.push_back(a);
    }
  const int count = 60, vocabulary = tiny.model.spec.vocabulary;
  std::vector<int> labels(count, -100);
  for (int i = 0; i + 1 < count; ++i) labels[i] = tiny.ids[i + 1];
  const int borders[] = {0, count};
  const LossSum expected = trainer.evaluate({tiny.ids.data(), labels.data(), borders, count, 1}, abort);

  const auto loss = [&](const std::vector<float>& logits) {
    double sum = 0;
    for (int i = 0; i + 1 < count; ++i) {
      double total = 0;
      for (int v = 0; v < vocabulary; ++v) total += std::exp(static_cast<double>(logits[i * vocabulary + v]));
      sum += std::log(total) - logits[i * vocabulary + labels[i]];
    }
    return sum;
  };
  Session session(tiny.model, adapters, {128, false}, pool, k);
  std::vector<float> logits(static_cast<std::size_t>(count) * vocabulary);
  CHECK(session.append(tiny.ids.data(), count, count, logits.data(), abort));
  CHECK_NEAR(loss(logits) / expected.loss, 1.0, 1e-5);

  session.truncate(5);
  for (int i = 5; i < count; ++i) session.append(tiny.ids.data() + i, 1, 1, logits.data() + static_cast<std::size_t>(i) * vocabulary, abort);
  CHECK_NEAR(loss(logits) / expected.loss, 1.0, 1e-5);
  CHECK(session.length() == count);

  abort = true;
  CHECK(!session.append(tiny.ids.data(), 3, 1, logits.data(), abort));
  CHECK(session.length() == count);
  abort = false;
  bool refused = false;
  try {
    session.append(tiny.ids.data(), 100, 1, logits.data(), abort);
  } catch (const std::exception&) {
    refused = true;
  }
  CHECK(refused);
}

}  // namespace

int main() {
  compare(tinySpec(false, RopeLayout::Interleaved));
  compare(everySpec(true, RopeLayout::Halves));
  return report("session_test");
}
