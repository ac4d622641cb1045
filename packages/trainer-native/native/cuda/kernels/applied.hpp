// What is laid over the products of generation: biases, sums, and DoRA's stretch of a request's own adapter.
#pragma once
#include <cstdint>

#include "../status.hpp"

namespace qt::cuda {

// out = scale·x, or out += scale·x.
Status addScaled(float* out, const float* x, float scale, bool accumulate, std::int64_t count, Stream stream);
// Each row += bias.
Status addBias(float* x, const float* bias, std::int64_t rows, std::int64_t columns, Stream stream);
// out += (c − 1)∘plain + c∘added, by columns.
Status addStretched(float* out, const float* plain, const float* added, const float* c, std::int64_t rows, std::int64_t columns, Stream stream);

}  // namespace qt::cuda
