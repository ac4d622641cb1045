// What is done to the heads of q or k before attention, in one reading: the norm of each head
// (norm.hpp), then its rotation (rotary.hpp). Either may be missing.
#pragma once
#include <cstdint>

#include "../status.hpp"
#include "kernels/table.hpp"

namespace qt::cuda {

struct Heads {
  DType type;
  std::int64_t rows;
  std::int32_t heads;
  std::int32_t headDim;
  const float* normWeight;        // [headDim]; null: no norm
  float* inverse;                 // [rows, heads]
  float epsilon;
  RotaryTable rotary;             // pairs = 0: no rotation
  const std::int32_t* positions;  // [rows]
};

// to = rotate(norm(raw)); without a norm `to` is `raw`.
Status prepareHeads(const Heads& h, const void* raw, void* to, Stream stream);

}  // namespace qt::cuda
