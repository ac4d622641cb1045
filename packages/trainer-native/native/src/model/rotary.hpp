// cos and sin of position·frequency (Su et al., RoFormer, arXiv 2104.09864), one row for each position.
#pragma once
#include <cmath>
#include <vector>

#include "../spec.hpp"

namespace qt {

inline void makeRotaryTables(const ModelSpec& spec, std::int32_t positions, std::vector<float>& cosine, std::vector<float>& sine) {
  const std::size_t pairs = spec.ropeFrequencies.size();
  cosine.resize(pairs * positions);
  sine.resize(pairs * positions);
  for (std::int32_t p = 0; p < positions; ++p)
    for (std::size_t i = 0; i < pairs; ++i) {
      const double angle = p * spec.ropeFrequencies[i];
      cosine[p * pairs + i] = static_cast<float>(std::cos(angle) * spec.ropeFactor);
      sine[p * pairs + i] = static_cast<float>(std::sin(angle) * spec.ropeFactor);
    }
}

}  // namespace qt
