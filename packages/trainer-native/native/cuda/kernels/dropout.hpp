// Dropout whose random numbers are the CPU's: the same bytes come out.
#pragma once
#include <cstdint>

#include "../status.hpp"
#include "kernels/table.hpp"

namespace qt::cuda {

// out = x/(1 − p) where the element's random number is at least p, else 0; rows draw their own numbers (seed ^ row·2³²), of which `first`
// is the first one's, and `firstColumn` (a multiple of 4) the first column's. out may be x.
Status dropout(const void* x, void* out, DType type, std::int64_t rows, std::int64_t columns, float p, std::uint64_t seed, std::uint32_t step,
               std::uint32_t purpose, std::int64_t first, std::int64_t firstColumn, Stream stream);

}  // namespace qt::cuda
