// A block sums a chunk: each thread every 256th four, then over threads in a fixed order. One more block does the same with the chunks' sums.
#include "squares.hpp"

#include "sums.cuh"

namespace qt::cuda {
namespace {

__device__ inline double square(float x) { return static_cast<double>(x) * x; }

__global__ void __launch_bounds__(sumThreads) sumChunks(const float* x, std::int64_t count, bool aligned, double* partials) {
  const std::int64_t begin = blockIdx.x * sumChunk, end = begin + sumChunk < count ? begin + sumChunk : count;
  double sum = 0;
  for (std::int64_t i = begin + 4 * threadIdx.x; i < end; i += 4 * sumThreads) {
    if (aligned && i + 4 <= end) {
      const float4 v = *reinterpret_cast<const float4*>(x + i);
      sum += (square(v.x) + square(v.y)) + (square(v.z) + square(v.w));
      continue;
    }
    double v[4] = {};
    for (int j = 0; j < 4 && i + j < end; ++j) v[j] = square(x[i + j]);
    sum += (v[0] + v[1]) + (v[2] + v[3]);
  }
  sum = overBlock(sum, dynamicShared<double>());
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(sumThreads) sumPartials(const double* partials, std::int64_t count, double* squares) {
  const double sum = sumOfAll(partials, count);
  if (threadIdx.x == 0) *squares = sum;
}

}  // namespace

std::size_t squaresWorkspace(std::int64_t count) { return sizeof(double) * static_cast<std::size_t>(chunksOf(count)); }

Status sumOfSquares(std::span<const std::span<const float>> stretches, void* partials, double* out, Stream stream) {
  auto* ofChunks = static_cast<double*>(partials);
  std::int64_t chunks = 0;
  for (const std::span<const float> x : stretches) {
    const auto count = static_cast<std::int64_t>(x.size());
    if (count == 0) continue;
    const bool aligned = reinterpret_cast<std::uintptr_t>(x.data()) % 16 == 0;
    const Status status = launch(sumChunks, static_cast<unsigned>(chunksOf(count)), sumThreads, sumSharedBytes, stream, x.data(), count, aligned, ofChunks + chunks);
    if (status != Status::Ok) return status;
    chunks += chunksOf(count);
  }
  return launch(sumPartials, 1, sumThreads, sumSharedBytes, stream, ofChunks, chunks, out);
}

Status sumOfSquares(const float* x, std::int64_t count, void* partials, double* out, Stream stream) {
  const std::span<const float> whole(x, static_cast<std::size_t>(count));
  return sumOfSquares({&whole, 1}, partials, out, stream);
}

}  // namespace qt::cuda
