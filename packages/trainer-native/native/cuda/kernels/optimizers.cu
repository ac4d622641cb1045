// Bound by memory: each number is read and written once, 16 bytes at a time.
//   adamw     m ← β₁m + (1 − β₁)g    v ← β₂v + (1 − β₂)g²    p ← p − η·λ·p − η·(m/(1 − β₁ᵗ)) / (√(v/(1 − β₂ᵗ)) + ε)
//   sgd       m ← β₁m + g    p ← p − η·λ·p − η·m
#include "optimizers.hpp"

#include <cmath>

#include "sums.cuh"

namespace qt::cuda {
namespace {

constexpr int threads = 256;

// Four neighbours: at once where all arrays lie on 16 bytes.
struct Four {
  float v[4];
};
__device__ inline Four load4(const float* p, std::int64_t i, std::int64_t count, bool aligned) {
  Four out{};
  if (aligned && i + 4 <= count) {
    const float4 v = *reinterpret_cast<const float4*>(p + i);
    return {{v.x, v.y, v.z, v.w}};
  }
#pragma unroll
  for (int j = 0; j < 4; ++j)
    if (i + j < count) out.v[j] = p[i + j];
  return out;
}
__device__ inline void store4(float* p, std::int64_t i, std::int64_t count, bool aligned, const Four& x) {
  if (aligned && i + 4 <= count) {
    *reinterpret_cast<float4*>(p + i) = make_float4(x.v[0], x.v[1], x.v[2], x.v[3]);
    return;
  }
#pragma unroll
  for (int j = 0; j < 4; ++j)
    if (i + j < count) p[i + j] = x.v[j];
}

struct AdamNumbers {
  float keep, beta1, beta2, stepSize, root, epsilon;
};
AdamNumbers numbersOf(const AdamStep& s) {
  return {1.0f - s.learningRate * s.weightDecay, s.beta1, s.beta2, s.learningRate / s.correction1, std::sqrt(s.correction2), s.epsilon};
}
__device__ inline void adamOne(float& p, float g, float& m, float& v, const AdamNumbers& s) {
  m = m * s.beta1 + g * (1.0f - s.beta1);
  v = v * s.beta2 + g * g * (1.0f - s.beta2);
  p = p * s.keep - m * s.stepSize / (__fsqrt_rn(v) / s.root + s.epsilon);
}

__global__ void __launch_bounds__(threads) adamwKernel(float* parameter, const float* gradient, float* first, float* second, std::int64_t count, AdamNumbers s,
                                                       const GradientNorm* norm, bool aligned) {
  const std::int64_t i = 4 * (static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x);
  if (i >= count || stopped(norm)) return;
  const float scale = scaleOf(norm);
  const Four g = load4(gradient, i, count, aligned);
  Four p = load4(parameter, i, count, aligned), m = load4(first, i, count, aligned), v = load4(second, i, count, aligned);
#pragma unroll
  for (int j = 0; j < 4; ++j) adamOne(p.v[j], g.v[j] * scale, m.v[j], v.v[j], s);
  store4(parameter, i, count, aligned, p);
  store4(first, i, count, aligned, m);
  store4(second, i, count, aligned, v);
}

// A moment's tables in shared memory.
struct SharedCodes {
  float values[256];
  float borders[256];  // the last one is not used
};

__device__ inline std::uint32_t nearest(const SharedCodes& codes, std::uint32_t leastPositive, float x) {
  std::uint32_t code = 0;
#pragma unroll
  for (std::uint32_t half = 128; half > 0; half >>= 1)
    if (x > codes.borders[code + half - 1]) code += half;
  return x > 0 && code < leastPositive ? leastPositive : code;
}

// What lane reads of its block of codes, under the block's scale; what is behind the tensor is 0.
__device__ inline void widenMoments(const std::uint8_t* codes, std::int64_t i, std::int64_t count, const SharedCodes& table, float scale, float (&out)[8]) {
#pragma unroll
  for (int j = 0; j < 8; ++j) out[j] = i + j < count ? table.values[codes[i + j]] * scale : 0.0f;
}
__device__ inline float narrowMoments(const float (&x)[8], std::int64_t i, std::int64_t count, const SharedCodes& table, std::uint32_t leastPositive,
                                      std::uint8_t* codes) {
  float most = 0;
#pragma unroll
  for (int j = 0; j < 8; ++j) most = fmaxf(most, fabsf(x[j]));
#pragma unroll
  for (int bits = 16; bits > 0; bits /= 2) most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, bits));
  const float inverse = most > 0 ? 1.0f / most : 0.0f;
  std::uint32_t words[2] = {};
#pragma unroll
  for (int j = 0; j < 8; ++j) words[j / 4] |= nearest(table, leastPositive, x[j] * inverse) << (8 * (j % 4));
  if (i + 8 <= count && reinterpret_cast<std::uintptr_t>(codes) % 8 == 0) *reinterpret_cast<uint2*>(codes + i) = make_uint2(words[0], words[1]);
  else
    for (int j = 0; j < 8 && i + j < count; ++j) codes[i + j] = static_cast<std::uint8_t>(words[j / 4] >> (8 * (j % 4)));
  return most;
}

constexpr int codesOfBlock = 256;   // that share a scale: eight of each lane
constexpr int blocksOfWarp = 8;     // one after another, so that the tables are loaded for many

__global__ void __launch_bounds__(threads) adamw8bitKernel(float* parameter, const float* gradient, Moments8bit moments, std::int64_t count, AdamNumbers s,
                                                           const __grid_constant__ MomentTables tables, const GradientNorm* norm, bool aligned) {
  auto* shared = dynamicShared<SharedCodes>();
  for (int i = static_cast<int>(threadIdx.x); i < 256; i += threads) {
    shared[0].values[i] = tables.first.values[i];
    shared[1].values[i] = tables.second.values[i];
    if (i < 255) {
      shared[0].borders[i] = tables.first.borders[i];
      shared[1].borders[i] = tables.second.borders[i];
    }
  }
  __syncthreads();
  if (stopped(norm)) return;
  const float scale = scaleOf(norm);
  const int lane = threadIdx.x % 32;
  const std::int64_t firstBlock = (static_cast<std::int64_t>(blockIdx.x) * (threads / 32) + threadIdx.x / 32) * blocksOfWarp;
  for (std::int64_t b = firstBlock; b < firstBlock + blocksOfWarp && b * codesOfBlock < count; ++b) {
    const std::int64_t i = b * codesOfBlock + 8 * lane;
    float m[8], v[8];
    widenMoments(moments.first, i, count, shared[0], moments.firstScale[b], m);
    widenMoments(moments.second, i, count, shared[1], moments.secondScale[b], v);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const std::int64_t at = i + 4 * half;
      Four p = load4(parameter, at, count, aligned);
      const Four g = load4(gradient, at, count, aligned);
#pragma unroll
      for (int j = 0; j < 4; ++j) adamOne(p.v[j], g.v[j] * scale, m[4 * half + j], v[4 * half + j], s);
      store4(parameter, at, count, aligned, p);
    }
    const float first = narrowMoments(m, i, count, shared[0], tables.first.leastPositive, moments.first);
    const float second = narrowMoments(v, i, count, shared[1], tables.second.leastPositive, moments.second);
    __syncwarp();  // all lanes have read the scales
    if (lane == 0) {
      moments.firstScale[b] = first;
      moments.secondScale[b] = second;
    }
  }
}

__global__ void __launch_bounds__(threads) sgdKernel(float* parameter, const float* gradient, float* momentum, std::int64_t count, float rate, float beta1,
                                                     float decay, const GradientNorm* norm, bool aligned) {
  const std::int64_t i = 4 * (static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x);
  if (i >= count || stopped(norm)) return;
  const float scale = scaleOf(norm);
  const Four g = load4(gradient, i, count, aligned);
  Four p = load4(parameter, i, count, aligned), m = load4(momentum, i, count, aligned);
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    m.v[j] = beta1 * m.v[j] + scale * g.v[j];
    p.v[j] -= rate * (decay * p.v[j] + m.v[j]);
  }
  store4(momentum, i, count, aligned, m);
  store4(parameter, i, count, aligned, p);
}

__global__ void __launch_bounds__(threads) averageKernel(float* average, const float* parameter, std::int64_t count, float share, const GradientNorm* norm,
                                                         bool aligned) {
  const std::int64_t i = 4 * (static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x);
  if (i >= count || stopped(norm)) return;
  const Four p = load4(parameter, i, count, aligned);
  Four a = load4(average, i, count, aligned);
#pragma unroll
  for (int j = 0; j < 4; ++j) a.v[j] += share * (p.v[j] - a.v[j]);
  store4(average, i, count, aligned, a);
}

__global__ void __launch_bounds__(threads) zeroKernel(unsigned char* to, std::size_t bytes) {
  const std::size_t i = 16 * (static_cast<std::size_t>(blockIdx.x) * threads + threadIdx.x);
  if (i + 16 <= bytes) *reinterpret_cast<uint4*>(to + i) = make_uint4(0, 0, 0, 0);
  else
    for (std::size_t j = i; j < bytes; ++j) to[j] = 0;
}

template <class... P>
bool allAligned(const P*... p) {
  return ((reinterpret_cast<std::uintptr_t>(p) % 16 == 0) && ...);
}

unsigned blocksFor(std::int64_t count, std::int64_t ofBlock) { return static_cast<unsigned>((count + ofBlock - 1) / ofBlock); }

}  // namespace

Status adamw(float* parameter, const float* gradient, float* m, float* v, std::int64_t count, const AdamStep& step, const GradientNorm* norm, Stream stream) {
  if (count <= 0) return Status::Ok;
  return launch(adamwKernel, blocksFor(count, 4 * threads), threads, 0, stream, parameter, gradient, m, v, count, numbersOf(step), norm,
                allAligned(parameter, gradient, m, v));
}

Status adamw8bit(float* parameter, const float* gradient, const Moments8bit& moments, std::int64_t count, const AdamStep& step, const MomentTables& tables,
                 const GradientNorm* norm, Stream stream) {
  if (count <= 0) return Status::Ok;
  return launch(adamw8bitKernel, blocksFor(count, threads / 32 * blocksOfWarp * codesOfBlock), threads, 2 * sizeof(SharedCodes), stream, parameter, gradient,
                moments, count, numbersOf(step), tables, norm, allAligned(parameter, gradient));
}

Status sgd(float* parameter, const float* gradient, float* momentum, std::int64_t count, float learningRate, float beta1, float weightDecay,
           const GradientNorm* norm, Stream stream) {
  if (count <= 0) return Status::Ok;
  return launch(sgdKernel, blocksFor(count, 4 * threads), threads, 0, stream, parameter, gradient, momentum, count, learningRate, beta1, weightDecay, norm,
                allAligned(parameter, gradient, momentum));
}

Status movingAverage(float* average, const float* parameter, std::int64_t count, float decay, const GradientNorm* norm, Stream stream) {
  if (count <= 0) return Status::Ok;
  return launch(averageKernel, blocksFor(count, 4 * threads), threads, 0, stream, average, parameter, count, 1.0f - decay, norm,
                allAligned(average, parameter));
}

Status zero(void* to, std::size_t bytes, Stream stream) {
  if (bytes == 0) return Status::Ok;
  if (!allAligned(to)) return Status::BadShape;
  return launch(zeroKernel, blocksFor(static_cast<std::int64_t>(bytes), 16 * threads), threads, 0, stream, static_cast<unsigned char*>(to), bytes);
}

}  // namespace qt::cuda
