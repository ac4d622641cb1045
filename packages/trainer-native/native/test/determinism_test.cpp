// The same bits whatever the number of threads, and every time: gradients of two micro-batches, then parameters and moments.
#include <cstring>

#include "check.hpp"
#include "tiny.hpp"

using namespace qt;
using namespace qt::test;

namespace {

struct Bytes {
  std::vector<float> gradients, parameters;
  std::vector<unsigned char> state;
  double loss = 0, norm = 0;
};

bool equal(const std::vector<float>& a, const std::vector<float>& b) { return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * 4) == 0; }

Bytes train(const Tiny& tiny, const TrainerOptions& options, int threads, const KernelTable& kernels) {
  const std::atomic<bool> abort{false};
  ThreadPool pool(threads);
  Trainer trainer(tiny.model, options, pool, kernels);
  loadParameters(tiny, trainer);
  Bytes out;
  for (std::uint32_t micro = 0; micro < 2; ++micro) out.loss += trainer.forwardBackward(tiny.batch(), 0.01f, micro, abort).loss;
  out.gradients.assign(trainer.gradients().begin(), trainer.gradients().end());
  out.norm = trainer.update(updateOptions(1e-2f, 0.9f, 0.999f, 1e-8f, 0.1f, 0.5f, 1));
  out.parameters.assign(trainer.parameters().begin(), trainer.parameters().end());
  out.state.assign(trainer.state().begin(), trainer.state().end());
  return out;
}

// Twice the tokens of a tiny batch, so that every loop is cut into several tasks.
Tiny largerBatch(bool full, bool magnitudes) {
  Tiny tiny = makeTiny(full, false, RopeLayout::Interleaved, magnitudes);
  const std::vector<int> ids = tiny.ids, labels = tiny.labels, borders = tiny.borders;
  for (int i = 1; i < 2; ++i) {
    const int at = static_cast<int>(tiny.ids.size());
    tiny.ids.insert(tiny.ids.end(), ids.begin(), ids.end());
    tiny.labels.insert(tiny.labels.end(), labels.begin(), labels.end());
    for (std::size_t b = 1; b < borders.size(); ++b) tiny.borders.push_back(at + borders[b]);
  }
  tiny.options.maxTokens = static_cast<std::int32_t>(tiny.ids.size());
  tiny.options.dropout = full ? 0.0f : 0.1f;
  return tiny;
}

}  // namespace

int main() {
  const char* names[8];
  const int count = availableKernels(names, 8);
  CHECK(count > 0);
  for (const int training : {0, 1, 2}) {  // LoRA, DoRA, everything
    const bool full = training == 2;
    const Tiny tiny = largerBatch(full, training == 1);
    for (int n = 0; n < count; ++n)
      for (const DType precision : {DType::F32, DType::BF16}) {
        TrainerOptions options = tiny.options;
        options.precision = precision;
        const Bytes one = train(tiny, options, 1, kernels(names[n]));
        CHECK(one.norm > 0 && std::isfinite(one.loss));
        for (const int threads : {1, 2, 3, 7}) {
          const Bytes other = train(tiny, options, threads, kernels(names[n]));
          const bool same = equal(one.gradients, other.gradients) && equal(one.parameters, other.parameters) && one.state == other.state &&
                            one.loss == other.loss && one.norm == other.norm;
          if (same) continue;
          std::printf("%s %s training %d: %d threads give other bits than one\n", names[n], precision == DType::F32 ? "float32" : "bfloat16", training, threads);
          ++failures;
        }
        // Repeating the forward pass instead of keeping it changes nothing either.
        options.checkpointing = true;
        CHECK(equal(train(tiny, options, 2, kernels(names[n])).parameters, one.parameters));
      }
  }
  return report("determinism_test");
}
