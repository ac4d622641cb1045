// Sums in float64 that have one order: over a block's threads, and over fixed chunks of long arrays.
#pragma once
#include "rows.cuh"
#include "squares.hpp"

namespace qt::cuda {

inline constexpr int sumThreads = 256;
inline constexpr std::int64_t sumChunk = 1 << 15;
inline constexpr std::size_t sumSharedBytes = sizeof(double) * sumThreads / 32;

inline std::int64_t chunksOf(std::int64_t count) { return (count + sumChunk - 1) / sumChunk; }

// The sum over a block of sumThreads, in every thread; `ofWarps` is sumSharedBytes of shared memory.
__device__ inline double overBlock(double sum, double* ofWarps) { return sumOverBlock(sum, ofWarps, sumThreads / 32); }

// Σ of(i) over the block's chunk, into partials[blockIdx.x].
template <class Of>
__device__ void sumOfChunk(std::int64_t count, double* partials, const Of& of) {
  const std::int64_t begin = blockIdx.x * sumChunk, end = begin + sumChunk < count ? begin + sumChunk : count;
  double sum = 0;
  for (std::int64_t i = begin + threadIdx.x; i < end; i += sumThreads) sum += of(i);
  sum = overBlock(sum, dynamicShared<double>());
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

// Σ x over a block of its own: what sumOfChunk left, or any array. Every thread has it.
template <class T>
__device__ double sumOfAll(const T* x, std::int64_t count) {
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < count; i += sumThreads) sum += x[i];
  return overBlock(sum, dynamicShared<double>());
}

__device__ inline bool stopped(const GradientNorm* norm) { return norm != nullptr && norm->finite == 0; }
__device__ inline float scaleOf(const GradientNorm* norm) { return norm == nullptr ? 1.0f : norm->scale; }

}  // namespace qt::cuda
