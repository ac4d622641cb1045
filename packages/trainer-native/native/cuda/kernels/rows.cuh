// What kernels over rows share: sums over lanes and over a block in a fixed order, and the functions of activations.
#pragma once
#include "../platform.cuh"

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

// tanh from an exponential: the hardware's own has 11 bits, too few under a soft cap of 50.
__device__ inline float hyperbolicTangent(float x) { return 1.0f - qtDivide(2.0f, qtExp(x + x) + 1.0f); }
__device__ inline float sigmoid(float x) { return qtDivide(1.0f, 1.0f + qtExp(-x)); }

}  // namespace qt::cuda
