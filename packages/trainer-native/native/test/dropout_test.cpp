// Dropout on the adapters' inputs: gradients against the reference with the masks written out from Philox, and how the masks vary.
#include "check.hpp"
#include "tiny.hpp"

using namespace qt;
using namespace qt::test;

namespace {

constexpr float probability = 0.25f;

// Element i of row t is dropped when word i%4 of block i/4 is below p·2³².
std::vector<std::array<reference::Values, projectionCount>> masks(const ModelSpec& spec, int tokens, std::uint64_t seed, std::uint32_t micro) {
  std::vector<std::array<reference::Values, projectionCount>> all(spec.layers);
  for (int l = 0; l < spec.layers; ++l)
    for (int p = 0; p < projectionCount; ++p) {
      const int columns = projectionShape(spec, p).columns;
      for (int t = 0; t < tokens; ++t)
        for (int i = 0; i < columns; ++i) {
          std::uint32_t word[4];
          philox(i / 4, micro, 3 + 256 * (l * projectionCount + p), seed ^ (static_cast<std::uint64_t>(t) << 32), word);
          all[l][p].push_back(word[i % 4] < probability * 4294967296.0 ? 0 : 1 / (1 - probability));
        }
    }
  return all;
}

}  // namespace

int main() {
  const char* names[8];
  const int count = availableKernels(names, 8);
  const std::atomic<bool> abort{false};
  ThreadPool pool(2);
  Tiny tiny = makeTiny(false, true, RopeLayout::Halves);
  tiny.options.dropout = probability;
  tiny.options.seed = 77;
  const int tokens = static_cast<int>(tiny.ids.size());
  const std::uint32_t micro = 5;
  tiny.decoder.masks = masks(tiny.model.spec, tokens, 77, micro);

  double dropped = 0, drawn = 0;
  for (const auto& block : tiny.decoder.masks)
    for (const auto& mask : block)
      for (const double factor : mask) {
        dropped += factor == 0;
        ++drawn;
      }
  CHECK_NEAR(dropped / drawn, probability, 0.01);

  const double weight = 1.0 / 137;
  reference::Tensors expected;
  const double loss = tiny.decoder.lossAndGradients(tiny.ids, tiny.labels, tiny.borders, weight, expected);
  tiny.decoder.masks.clear();
  reference::Tensors ignored;
  const double whole = tiny.decoder.lossAndGradients(tiny.ids, tiny.labels, tiny.borders, weight, ignored);
  CHECK(std::fabs(loss - whole) > 1e-3);

  for (int n = 0; n < count; ++n)
    for (const bool checkpointing : {false, true}) {
      tiny.options.checkpointing = checkpointing;
      Trainer trainer(tiny.model, tiny.options, pool, kernels(names[n]));
      loadParameters(tiny, trainer);
      const LossSum sum = trainer.forwardBackward(tiny.batch(), static_cast<float>(weight), micro, abort);
      CHECK_NEAR(sum.loss * weight / loss, 1.0, 1e-5);
      for (const TrainedTensor& t : trainer.trained().tensors) CHECK_NEAR(gradientError(trainer, t, expected), 0.0, 2e-5);
      // Other micro-batches draw other masks; evaluation draws none.
      CHECK(trainer.forwardBackward(tiny.batch(), static_cast<float>(weight), micro + 1, abort).loss != sum.loss);
      CHECK(trainer.forwardBackward(tiny.batch(), static_cast<float>(weight), micro, abort).loss == sum.loss);
      CHECK_NEAR(trainer.evaluate(tiny.batch(), abort).loss * weight / whole, 1.0, 1e-5);
    }
  return report("dropout_test");
}
