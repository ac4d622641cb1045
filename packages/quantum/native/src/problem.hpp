// An Ising model in integers, E(s) = Σ h_i s_i + Σ_{i<j} J_ij s_i s_j with s = ±1, as rows of both directions and,
// where many couplings exist, as a square of small integers too. The caller owns the memory and keeps it alive.
#pragma once

#include <cstddef>
#include <cstdint>

namespace qt::anneal {

struct Problem {
  std::int32_t size = 0;
  /// Fields fit 16 bits: for every variable |h| + Σ|J| ≤ 32766.
  std::int32_t narrow = 0;
  const std::int32_t* linear = nullptr;        // [size]
  const std::uint32_t* offsets = nullptr;      // [size + 1]; null when only the square is given
  const std::uint32_t* neighbours = nullptr;   // [offsets[size]]
  const std::int32_t* weights = nullptr;       // [offsets[size]]
  /// J row by row, each row padded with zeros to a multiple of 32; null when the rows above are better.
  const void* square = nullptr;
  std::int32_t squareBytes = 0;                // of one number: 1, 2 or 4
};

/// Numbers of a row of `square`, and of every array that kernels keep for one state.
constexpr std::int32_t padded(std::int32_t size) { return (size + 31) / 32 * 32; }

}  // namespace qt::anneal
