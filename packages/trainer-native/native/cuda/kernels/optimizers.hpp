// One step of an optimiser over one tensor's numbers, as native/src/train/optimizer has them. `norm` (null: unclipped) scales the gradient,
// and stops the step where it is not finite; AdamStep's own gradScale is not read.
#pragma once
#include <cstdint>

#include "../status.hpp"
#include "kernels/table.hpp"
#include "squares.hpp"
#include "train/optimizer/codes.hpp"

namespace qt::cuda {

Status adamw(float* parameter, const float* gradient, float* m, float* v, std::int64_t count, const AdamStep& step, const GradientNorm* norm, Stream stream);

// Moments as codes of a table, 256 of them under one scale.
struct Moments8bit {
  std::uint8_t* first;
  std::uint8_t* second;
  float* firstScale;  // [⌈count / 256⌉]
  float* secondScale;
};
struct MomentTables {
  MomentCodes first, second;  // signedCodes(), unsignedCodes()
};
Status adamw8bit(float* parameter, const float* gradient, const Moments8bit& moments, std::int64_t count, const AdamStep& step, const MomentTables& tables,
                 const GradientNorm* norm, Stream stream);

Status sgd(float* parameter, const float* gradient, float* momentum, std::int64_t count, float learningRate, float beta1, float weightDecay,
           const GradientNorm* norm, Stream stream);

// average += (1 − decay)·(parameter − average)
Status movingAverage(float* average, const float* parameter, std::int64_t count, float decay, const GradientNorm* norm, Stream stream);

Status zero(void* to, std::size_t bytes, Stream stream);

}  // namespace qt::cuda
