// What a model does with a text, for those who make it smaller: for every column of every matrix the sum of the squares of its
// inputs, and how far each block turns the residual. Sums are double, over rows in their order: the same with any number of threads.
#pragma once
#include <cstdint>
#include <vector>

#include "../spec.hpp"

namespace qt {

// The four inputs of a block's matrices: q, k and v share one, gate and up another.
enum class BlockInput : std::uint8_t { Attention, AttentionOut, Feed, Down };

struct Statistics {
  Statistics(const ModelSpec& spec, bool withOutput)
      : offsets{0, spec.dModel, spec.dModel + spec.attentionWidth(), 2 * spec.dModel + spec.attentionWidth(), 2 * spec.dModel + spec.attentionWidth() + spec.ffn},
        layers(spec.layers),
        output(withOutput) {
    values.resize(static_cast<std::size_t>(spec.layers) * (offsets[4] + 1) + (withOutput ? spec.dModel : 0));
  }

  double* of(int layer, BlockInput input) { return values.data() + static_cast<std::int64_t>(layer) * (offsets[4] + 1) + offsets[static_cast<int>(input)]; }
  // Σ over tokens of the cosine between what goes into the block and what comes out.
  double& cosine(int layer) { return values[static_cast<std::size_t>(layer) * (offsets[4] + 1) + offsets[4]]; }
  // Of the matrix that makes logits.
  double* ofOutput() { return values.data() + static_cast<std::int64_t>(layers) * (offsets[4] + 1); }

  std::int64_t offsets[5];
  int layers;
  bool output;
  // By layer: the four inputs, one after the other, and the cosine; then the output's.
  std::vector<double> values;
};

}  // namespace qt
