// Weights in blocks (weights/native's types, all of them) as dense matrices, and multiplied as they lie.
#pragma once
#include <cstdint>

#include "../status.hpp"
#include "kernels/table.hpp"

namespace qt::cuda {

// Rows [rowBegin, rowEnd) as out[row − rowBegin, columns]: what the CPU decodes, rounded once where `type` is bfloat16. Blocks lie on 16
// bytes, rows without gaps.
Status decode(const MatrixView& weights, std::int64_t rowBegin, std::int64_t rowEnd, DType type, void* out, Stream stream);

inline constexpr int mostRowsTimesInputs = 16;

// y[i·yStride + row] = Σ x[i]·W[row] for `inputs` rows of x (float32, [inputs, columns]): each weight is read and decoded once for four of
// them. For generation, where a product's tiles would be empty.
Status rowsTimes(const MatrixView& weights, const float* x, int inputs, float* y, std::int64_t yStride, Stream stream);

}  // namespace qt::cuda
