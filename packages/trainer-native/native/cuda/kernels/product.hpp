// out[rows, columns] = scale·columnScale∘Σ terms (+ bias)(+ residual)(+ out when accumulating): the engine's Product on the GPU. Both sides
// of a term are dense, float32 or bfloat16 (weights in blocks are decoded first: decode.hpp); nothing is packed.
#pragma once
#include <cstddef>

#include "../status.hpp"
#include "kernels/table.hpp"

namespace qt::cuda {

// What is multiplied: bfloat16 (float32 sides are rounded to it), or float32 as three products of TF32 halves, eight depths at a time, whose
// error is that of float32 sums (below 2⁻²⁰ of Σ|left·right|), and which makes NaN of infinities.
enum class Precision { Bf16, F32 };

// Bytes that a product of few tiles and a long sum needs, to share the sum out over blocks; 0: none. The shape alone decides, so that a
// sum has the same order on every device.
std::size_t productWorkspace(const Product& product, Precision precision);

// No product needs more.
inline constexpr std::size_t mostProductWorkspace = std::size_t{288} * 64 * 64 * sizeof(float);

Status product(const Product& product, Precision precision, void* workspace, Stream stream);

}  // namespace qt::cuda
