// NF4 with double quantisation (Dettmers et al., arXiv 2305.14314), as bitsandbytes computes it: 64 numbers share a scale, the largest
// of them; scales are stored in 8 bits, 256 of them sharing a float32 scale, after their mean has been taken away.
#pragma once
#include <cstdint>
#include <vector>

#include <qt/blocks.hpp>

#include "../kernels/table.hpp"
#include "../threads.hpp"

namespace qt {

inline constexpr std::int64_t nf4Group = 64;
inline constexpr std::int64_t nf4ScalesTogether = 256;

struct Nf4Numbers {
  std::vector<std::uint8_t> codes;   // two to a byte, the first in the upper half
  std::vector<std::uint8_t> scales;  // which of the 256 numbers of the table of scales
  std::vector<float> nested;         // what they are multiplied by
  float offset = 0.0f;               // what is added then

  float scale(std::int64_t group) const;
  // With each group's scale as a float32.
  void write(BlockNF4* blocks) const;
};

// Rows are whole groups.
Nf4Numbers quantiseNf4(ThreadPool& pool, const KernelTable& kernels, const MatrixView& weight);

}  // namespace qt
