// What is done to each activation alone: gated units, sums, conversions, soft caps.
//   swiglu  silu(g)·u, silu(g) = g·σ(g)                                      (Shazeer, arXiv 2002.05202)
//   geglu   gelu(g)·u, gelu(g) = g/2·(1 + tanh(√(2/π)·(g + 0.044715·g³)))     (Hendrycks & Gimpel, arXiv 1606.08415)
#pragma once
#include <cstdint>

#include "../status.hpp"
#include "kernels/table.hpp"

namespace qt::cuda {

Status swiglu(const void* gate, const void* up, void* out, DType type, std::int64_t count, Stream stream);
Status geglu(const void* gate, const void* up, void* out, DType type, std::int64_t count, Stream stream);
// dGate and dUp may be gate and up.
Status swigluBackward(const void* gate, const void* up, const void* dOut, void* dGate, void* dUp, DType type, std::int64_t count, Stream stream);
Status gegluBackward(const void* gate, const void* up, const void* dOut, void* dGate, void* dUp, DType type, std::int64_t count, Stream stream);

// out += x
Status add(void* out, const void* x, DType type, std::int64_t count, Stream stream);
Status widen(const void* x, DType type, float* out, std::int64_t count, Stream stream);
Status narrow(const float* x, void* out, DType type, std::int64_t count, Stream stream);
// z becomes c·tanh(z/c).
Status softcap(float* z, std::int64_t count, float cap, Stream stream);

}  // namespace qt::cuda
