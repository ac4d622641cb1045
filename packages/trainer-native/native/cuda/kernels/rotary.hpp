// Rotary embedding (Su et al., RoFormer, arXiv 2104.09864) of the heads of q or k, in place: pairs (a, b), side by side or in halves, become
// (a·cos − b·sin, b·cos + a·sin); direction −1 rotates back. Columns behind the pairs stay.
#pragma once
#include <cstdint>

#include "../status.hpp"
#include "kernels/table.hpp"

namespace qt::cuda {

// `positions` [rows] and the table lie on the device.
Status rotate(void* x, DType type, const std::int32_t* positions, std::int64_t rows, std::int32_t heads, std::int32_t headDim, const RotaryTable& table, float direction,
              Stream stream);

}  // namespace qt::cuda
