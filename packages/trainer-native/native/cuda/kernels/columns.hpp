// Sums over the rows of matrices, one for each column: gradients of biases, of norms' weights (norm.hpp) and of DoRA's magnitudes. Rows are
// summed in stretches whose length depends on the shape alone, then the stretches in their order: the same bits on every device.
#pragma once
#include <cstdint>

#include "../status.hpp"
#include "kernels/table.hpp"

namespace qt::cuda {

// Float32 numbers of scratch that a sum over rows needs.
std::int64_t columnScratch(std::int64_t rows, std::int64_t columns);
// The most that a sum over up to so many rows needs.
std::int64_t mostColumnScratch(std::int64_t rows, std::int64_t columns);

// sums[c] += Σ rows x
Status columnSums(const void* x, DType type, float* sums, std::int64_t rows, std::int64_t columns, float* scratch, Stream stream);

// DoRA's y = c∘z + bias backwards: dz = c∘dy (dz may be dy) and sum[column] += Σ rows dy·(y − bias). y and dz are of `type`; no bias: null.
Status scaleBackward(const void* dy, DType dyType, const void* y, DType type, const float* bias, const float* columnScale, void* dz, float* sum, std::int64_t rows,
                     std::int64_t columns, float* scratch, Stream stream);

}  // namespace qt::cuda
