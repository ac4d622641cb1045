// Sums of squares, and what the optimisers are told of the gradient's length.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "../status.hpp"

namespace qt::cuda {

// Of all gradients together, in device memory. Optimisers read it there: a step whose norm is not finite changes nothing.
struct GradientNorm {
  double norm;
  float scale;  // 1, or what shortens the gradient to the clip
  std::int32_t finite;
};

// Bytes of `partials` for so many numbers.
std::size_t squaresWorkspace(std::int64_t count);

// Sums in float64 over fixed chunks, then over the chunks: the same on every device. Of stretches `partials` has the bytes that each would have.
Status sumOfSquares(std::span<const std::span<const float>> stretches, void* partials, double* out, Stream stream);
Status sumOfSquares(const float* x, std::int64_t count, void* partials, double* out, Stream stream);
// clip: the longest that a gradient may be; 0: any.

}  // namespace qt::cuda
