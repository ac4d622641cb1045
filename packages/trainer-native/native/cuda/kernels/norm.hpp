// RMS norms of rows, forward and backward (Zhang & Sennrich, arXiv 1910.07467), of the model's rows and, with columns = headDim, of heads.
//   y = x·i·w,  i = 1/√(mean x² + ε)     dx = i·(dy∘w) − x·i³·mean(x∘dy∘w)     dw = Σ rows dy∘x·i
// Where `index` is given (on the device), row r of x (and of dx) is row index[r]: the output layer's rows are those that carry loss.
#pragma once
#include <cstdint>

#include "../status.hpp"
#include "kernels/table.hpp"

namespace qt::cuda {

// out = norm(x), or residual + norm(x) where there is one.
Status rmsNorm(const void* x, DType type, const float* weight, const void* residual, void* out, float* inverse, std::int64_t rows, std::int64_t columns, float epsilon,
               const std::int32_t* index, Stream stream);
// The same from a known inverse: cheaper to repeat than to keep.
Status rmsNormApply(const void* x, DType type, const float* weight, void* out, const float* inverse, std::int64_t rows, std::int64_t columns, Stream stream);
// dx += …; no two rows may have the same index.
Status rmsNormBackward(const void* x, DType type, const float* weight, const float* inverse, const void* dy, float* dx, std::int64_t rows, std::int64_t columns,
                       const std::int32_t* index, Stream stream);
// Where nothing else flows into x: dy becomes dx.
Status rmsNormBackwardInPlace(const void* x, DType type, const float* weight, const float* inverse, void* dy, std::int64_t rows, std::int64_t columns, Stream stream);
// dWeight += …; `scratch` as columnScratch says.
Status rmsNormWeightGrad(const void* x, DType type, const float* inverse, const void* dy, float* dWeight, std::int64_t rows, std::int64_t columns,
                         const std::int32_t* index, float* scratch, Stream stream);

}  // namespace qt::cuda
