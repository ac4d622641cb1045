// What kernels over rows share: sums over lanes and over a block in a fixed order, and the functions of activations.
#pragma once
#include "../platform.cuh"
#include "kernels/table.hpp"

namespace qt::cuda {

inline constexpr float log2e = 1.4426950408889634f, ln2 = 0.6931471805599453f;
inline constexpr unsigned fullWarp = 0xffffffffu;

// Over `width` lanes that lie together (a power of two): every lane gets the result, by the same tree always.
__device__ inline float sumOver(float x, int width = 32) {
  for (int step = width / 2; step > 0; step /= 2) x += __shfl_xor_sync(fullWarp, x, step);
  return x;
}

// Over a block of `warps` warps; `scratch` has room for a number of each. Every thread gets the result.
template <class T, class Join>
__device__ inline T joinOverBlock(T x, T* scratch, int warps, const Join& join) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) x = join(x, __shfl_xor_sync(fullWarp, x, step));
  if (warps == 1) return x;
  __syncthreads();  // somebody may still read an earlier result
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = x;
  __syncthreads();
  x = scratch[0];
  for (int w = 1; w < warps; ++w) x = join(x, scratch[w]);
  return x;
}
template <class T>
__device__ inline T sumOverBlock(T x, T* scratch, int warps) {
  return joinOverBlock(x, scratch, warps, [](T a, T b) { return a + b; });
}

// Eight numbers that lie on a border of 16 bytes, or one.
template <int V, class T>
__device__ inline void take(const T* p, float (&x)[V]) {
  if constexpr (V == 8) load8(p, x);
  else x[0] = load(p);
}
template <int V, class T>
__device__ inline void give(T* p, const float (&x)[V]) {
  if constexpr (V == 8) store8(p, x);
  else store(p, x[0]);
}

// Whether all of these can be read 16 bytes at a time.
template <class... P>
bool aligned(const P*... p) { return ((reinterpret_cast<std::uintptr_t>(p) % 16 == 0) && ...); }

// Calls body with the type of stored activations.
template <class Body>
Status byType(DType type, const Body& body) { return type == DType::BF16 ? body.template operator()<bf16>() : body.template operator()<float>(); }

// tanh from an exponential: the hardware's own has 11 bits, too few under a soft cap of 50.
__device__ inline float hyperbolicTangent(float x) { return 1.0f - qtDivide(2.0f, qtExp(x + x) + 1.0f); }
__device__ inline float sigmoid(float x) { return qtDivide(1.0f, 1.0f + qtExp(-x)); }

}  // namespace qt::cuda
