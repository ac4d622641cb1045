// A block to a token, and one reading of its row: the highest logit, the first place where it stands, and the sum of exponentials under it (Milakov
// & Gimelshein, arXiv 1805.02867).
#include <cmath>

#include "foretell.hpp"
#include "rows.cuh"

namespace qt::cuda {
namespace {

constexpr int threads = 512, warps = threads / 32;

struct Peak {
  float high, sum;
  std::int32_t first;
};
__device__ inline Peak joined(const Peak& a, const Peak& b) {
  const float high = fmaxf(a.high, b.high);
  const std::int32_t first = a.high == high && (b.high != high || a.first < b.first) ? a.first : b.first;
  if (high == -INFINITY) return {high, a.sum + b.sum, first};
  return {high, a.sum * expf(a.high - high) + b.sum * expf(b.high - high), first};
}

__global__ void __launch_bounds__(threads) foretellKernel(const float* logits, std::int64_t vocabulary, const Foretold* foretold, float* logs, std::uint8_t* likeliest) {
  auto* peaks = dynamicShared<Peak>();  // [warps]
  const Foretold asked = foretold[blockIdx.x];
  const float* row = logits + asked.row * vocabulary;
  Peak peak{-INFINITY, 0.0f, 0};
  for (std::int64_t c = threadIdx.x; c < vocabulary; c += threads) {
    const float z = row[c];
    if (z > peak.high) peak = {z, peak.sum * expf(peak.high - z) + 1.0f, static_cast<std::int32_t>(c)};
    else if (peak.high != -INFINITY) peak.sum += expf(z - peak.high);
    else if (z != z) peak.sum = z;  // NaN must not be lost
  }
#pragma unroll
  for (int step = 16; step > 0; step /= 2)
    peak = joined(peak, {__shfl_xor_sync(fullWarp, peak.high, step), __shfl_xor_sync(fullWarp, peak.sum, step), __shfl_xor_sync(fullWarp, peak.first, step)});
  if (threadIdx.x % 32 == 0) peaks[threadIdx.x / 32] = peak;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int w = 1; w < warps; ++w) peak = joined(peak, peaks[w]);
  const double lse = static_cast<double>(peak.high) + log(static_cast<double>(peak.sum));
  logs[blockIdx.x] = static_cast<float>(static_cast<double>(row[asked.id]) - lse);
  likeliest[blockIdx.x] = peak.first == asked.id && row[asked.id] == peak.high;
}

}  // namespace

Status foretell(const float* logits, std::int64_t vocabulary, const Foretold* foretold, std::int64_t count, float* logs, std::uint8_t* likeliest, Stream stream) {
  if (vocabulary <= 0) return Status::BadShape;
  if (count == 0) return Status::Ok;
  return launch(foretellKernel, dim3(static_cast<unsigned>(count)), dim3(threads), warps * sizeof(Peak), stream, logits, vocabulary, foretold, logs, likeliest);
}

}  // namespace qt::cuda
