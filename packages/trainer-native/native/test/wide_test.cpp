// A model that is wider than its vocabulary, its feed-forward and its rank: products of every side, in several tiles, give
// the same bytes for 1 and 3 threads.
#include <cstring>

#include "check.hpp"
#include "tiny.hpp"

using namespace qt;
using namespace qt::test;

namespace {

std::vector<float> gradientsOf(const Model& model, const TrainerOptions& options, const Batch& batch, int threads) {
  std::atomic<bool> abort{false};
  ThreadPool pool(threads);
  Trainer trainer(model, options, pool, kernels());
  for (std::size_t i = 0; i < trainer.trained().count; ++i)
    if (!options.full) trainer.parameters()[i] = 0.02f * static_cast<float>(random(i, 9));
  const LossSum sum = trainer.forwardBackward(batch, 1.0f / static_cast<float>(batch.tokens), 0, abort);
  CHECK(sum.finished && std::isfinite(sum.loss));
  return {trainer.gradients().begin(), trainer.gradients().end()};
}

}  // namespace

int main() {
  ModelSpec spec = tinySpec(false, RopeLayout::Halves);
  spec.vocabulary = 300;
  spec.layers = 1;
  spec.dModel = 1280;
  spec.heads = 20;
  spec.kvHeads = 4;
  spec.headDim = 64;
  spec.ffn = 96;
  spec.ropes[0].frequencies.clear();
  for (int i = 0; i < 32; ++i) spec.ropes[0].frequencies.push_back(std::pow(10000.0, -i / 32.0));
  spec.attentionScale = 0.125f;
  Model model;
  model.spec = spec;
  std::vector<std::vector<float>> storage;
  const auto fill = [&](std::int64_t rows, std::int64_t columns, double size, double centre) {
    std::vector<float> data(static_cast<std::size_t>(rows * columns));
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(centre + size * random(i, 50 + storage.size()));
    storage.push_back(std::move(data));
    return MatrixView{storage.back().data(), TensorType::F32, rows, columns, static_cast<std::size_t>(columns) * 4};
  };
  storage.reserve(32);
  model.embedding = fill(spec.vocabulary, spec.dModel, 1, 0);
  model.output = fill(spec.vocabulary, spec.dModel, 0.05, 0);
  model.outputNorm = static_cast<const float*>(fill(1, spec.dModel, 0.1, 1).data);
  BlockWeights block;
  block.attentionNorm = static_cast<const float*>(fill(1, spec.dModel, 0.1, 1).data);
  block.ffnNorm = static_cast<const float*>(fill(1, spec.dModel, 0.1, 1).data);
  for (int p = 0; p < projectionCount; ++p) {
    const Shape s = projectionShape(spec, p);
    block.projections[p] = fill(s.rows, s.columns, 0.05, 0);
  }
  model.blocks.push_back(block);

  for (const int tokens : {24, 1100}) {
    std::vector<int> ids, labels;
    for (int i = 0; i < tokens; ++i) {
      ids.push_back(static_cast<int>((random(i, 7) + 1) / 2 * spec.vocabulary));
      labels.push_back(static_cast<int>((random(i, 8) + 1) / 2 * spec.vocabulary));
    }
    const int borders[] = {0, tokens};
    const Batch batch{ids.data(), labels.data(), borders, tokens, 1};
    for (const bool full : {true, false})
      for (const DType precision : {DType::F32, DType::BF16}) {
        TrainerOptions options;
        options.full = full;
        options.precision = precision;
        options.maxTokens = options.maxPositions = tokens;
        options.lossChunk = 256;
        if (!full) {
          options.adapters.resize(1);
          for (AdapterModule& m : options.adapters[0]) m = {640, 0.5f};
        }
        const std::vector<float> one = gradientsOf(model, options, batch, 1), three = gradientsOf(model, options, batch, 3);
        CHECK(one.size() == three.size() && std::memcmp(one.data(), three.data(), one.size() * sizeof(float)) == 0);
      }
  }
  return report("wide_test");
}
