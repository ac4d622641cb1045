// DoRA on the device: lengths of rows (train/magnitude.hpp has the formula), and what they become. Few numbers, in double precision.
#pragma once
#include <cstdint>

#include "../status.hpp"

namespace qt::cuda {

// squares[r] = Σ x[r]² of float32 rows.
Status rowSquares(const float* x, float* squares, std::int64_t rows, std::int64_t columns, Stream stream);

struct AdaptedRows {
  const float* b;        // [outputs, rank]
  const float* cross;    // A·Wᵀ [rank, outputs]
  const float* gram;     // A·Aᵀ [rank, rank]
  const float* squares;  // ‖W‖² [outputs]
  std::int64_t outputs, rank;
  float scale;
};
// norms[r] = ‖W + sBA‖ of each row.
Status adaptedNorms(const AdaptedRows& a, float* norms, Stream stream);

// norms become magnitude/norm, 0 where there is none.
Status normsToScales(float* norms, const float* magnitude, std::int64_t count, Stream stream);

// gradient += sums/magnitude, nothing where that is 0.
Status magnitudeGradient(const float* sums, const float* magnitude, float* gradient, std::int64_t count, Stream stream);

}  // namespace qt::cuda
