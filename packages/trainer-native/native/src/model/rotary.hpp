// cos and sin of position·frequency (Su et al., RoFormer, arXiv 2104.09864), one row for each position,
// one table for each rope of a model.
#pragma once
#include <cmath>
#include <vector>

#include "../kernels/table.hpp"
#include "../spec.hpp"

namespace qt {

class RotaryTables {
 public:
  RotaryTables(const ModelSpec& spec, std::int32_t positions) : spec_(spec) {
    for (const Rope& rope : spec.ropes) {
      const std::size_t pairs = rope.frequencies.size();
      std::vector<float> cosine(pairs * positions), sine(pairs * positions);
      for (std::int32_t p = 0; p < positions; ++p)
        for (std::size_t i = 0; i < pairs; ++i) {
          const double angle = p * rope.frequencies[i];
          cosine[p * pairs + i] = static_cast<float>(std::cos(angle) * rope.factor);
          sine[p * pairs + i] = static_cast<float>(std::sin(angle) * rope.factor);
        }
      cosines_.push_back(std::move(cosine));
      sines_.push_back(std::move(sine));
      tables_.push_back({cosines_.back().data(), sines_.back().data(), static_cast<std::int32_t>(pairs), spec.ropeLayout == RopeLayout::Interleaved});
    }
  }
  // One for each rope of the model.
  const std::vector<RotaryTable>& tables() const { return tables_; }
  // Null for a layer without rope.
  const RotaryTable* ofLayer(int layer) const {
    const std::int32_t rope = spec_.layer(layer).rope;
    return rope < 0 ? nullptr : &tables_[rope];
  }

 private:
  const ModelSpec& spec_;
  std::vector<std::vector<float>> cosines_, sines_;
  std::vector<RotaryTable> tables_;
};

}  // namespace qt
