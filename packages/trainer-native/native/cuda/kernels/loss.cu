// A block to a row of logits: one reading for the highest of them and the sum of exponentials under it (Milakov & Gimelshein, arXiv
// 1805.02867), one more for the gradient, by when most of the row is still in the second-level cache. A gradient in bfloat16, which is how
// products want it, lies in the first half of its row: what a stretch of the row becomes is written where stretches before it have been read.
#include <cmath>

#include "loss.hpp"
#include "rows.cuh"

namespace qt::cuda {
namespace {

constexpr int threads = 512, warps = threads / 32;

// Sums of exp(z − high).
struct Peak {
  float high, sum;
};
__device__ inline Peak joined(const Peak& a, const Peak& b) {
  const float high = fmaxf(a.high, b.high);
  if (high == -INFINITY) return {high, a.sum + b.sum};
  return {high, a.sum * expf(a.high - high) + b.sum * expf(b.high - high)};
}

// Rounded alike wherever it is computed: the target's is compared with the highest.
template <bool CAP>
__device__ inline float capped(float z, float cap, float inverse) { return CAP ? __fmul_rn(cap, hyperbolicTangent(__fmul_rn(z, inverse))) : z; }

// Four numbers to a thread where rows begin at borders of 16 bytes.
template <int V>
__device__ inline void loadSome(const float* p, float (&x)[V]) {
  if constexpr (V == 4) {
    const float4 v = *reinterpret_cast<const float4*>(p);
    x[0] = v.x, x[1] = v.y, x[2] = v.z, x[3] = v.w;
  } else {
    x[0] = *p;
  }
}

template <int V>
__device__ inline void storeSome(float* p, const float (&x)[V]) {
  if constexpr (V == 4) *reinterpret_cast<float4*>(p) = make_float4(x[0], x[1], x[2], x[3]);
  else *p = x[0];
}
template <int V>
__device__ inline void storeSome(bf16* p, const float (&x)[V]) {
  if constexpr (V == 4) *reinterpret_cast<uint2*>(p) = make_uint2(packBf16(x[0], x[1]), packBf16(x[2], x[3]));
  else *p = narrow(x[0]);
}

template <class G, int V, bool CAP>
__global__ void __launch_bounds__(threads, 2) crossEntropyKernel(CrossEntropy a) {
  auto* sums = dynamicShared<double>();                       // [warps]
  auto* peaks = reinterpret_cast<Peak*>(sums + warps);        // [warps]
  auto* shared = reinterpret_cast<float*>(peaks + warps);     // the row's log-sum-exp
  float* row = a.logits + blockIdx.x * a.vocabulary;
  const std::int32_t token = a.tokens[blockIdx.x], target = a.labels[token];
  const float inverse = CAP ? 1.0f / a.softcap : 0.0f;
  const bool smooth = a.smoothing != 0.0f;

  Peak peak{-INFINITY, 0.0f};
  float plain = 0.0f;
  for (std::int64_t c = threadIdx.x * V; c < a.vocabulary; c += threads * V) {
    float z[V];
    loadSome(row + c, z);
    float high = peak.high;
#pragma unroll
    for (int i = 0; i < V; ++i) {
      z[i] = capped<CAP>(z[i], a.softcap, inverse);
      high = fmaxf(high, z[i]);
      if (smooth) plain += z[i];
    }
    if (high == -INFINITY) {  // nothing but −∞, or NaN, which must not be lost
#pragma unroll
      for (int i = 0; i < V; ++i) peak.sum += z[i] == z[i] ? 0.0f : z[i];
      continue;
    }
    float sum = peak.sum * expf(peak.high - high);
#pragma unroll
    for (int i = 0; i < V; ++i) sum += expf(z[i] - high);
    peak = {high, sum};
  }
  const float targetLogit = capped<CAP>(row[target], a.softcap, inverse);
#pragma unroll
  for (int step = 16; step > 0; step /= 2) {
    const Peak other{__shfl_xor_sync(fullWarp, peak.high, step), __shfl_xor_sync(fullWarp, peak.sum, step)};
    peak = joined(peak, other);
  }
  if (threadIdx.x % 32 == 0) peaks[threadIdx.x / 32] = peak;
  const double all = smooth ? sumOverBlock(static_cast<double>(plain), sums, warps) : 0.0;
  __syncthreads();
  if (threadIdx.x == 0) {
    peak = peaks[0];
    for (int w = 1; w < warps; ++w) peak = joined(peak, peaks[w]);
    const double lse = static_cast<double>(peak.high) + log(static_cast<double>(peak.sum));
    const double share = static_cast<double>(a.smoothing) / static_cast<double>(a.vocabulary);
    a.losses[blockIdx.x] = static_cast<float>(lse - (1.0 - static_cast<double>(a.smoothing)) * targetLogit - share * all);
    a.correct[blockIdx.x] = targetLogit == peak.high;
    *shared = static_cast<float>(lse);
  }
  if (!a.gradient) return;
  __syncthreads();
  const float shift = *shared, weight = a.weight * (a.weights == nullptr ? 1.0f : a.weights[token]);
  const float every = a.smoothing / static_cast<float>(a.vocabulary) * weight, own = weight * (1.0f - a.smoothing);
  auto* gradient = reinterpret_cast<G*>(row);
  constexpr int together = 2;
  for (std::int64_t first = 0; first < a.vocabulary; first += threads * V * together) {
    float z[together][V];
#pragma unroll
    for (int j = 0; j < together; ++j) {
      const std::int64_t c = first + (j * threads + threadIdx.x) * V;
      if (c < a.vocabulary) loadSome(row + c, z[j]);
    }
    if constexpr (sizeof(G) < sizeof(float)) __syncthreads();
#pragma unroll
    for (int j = 0; j < together; ++j) {
      const std::int64_t c = first + (j * threads + threadIdx.x) * V;
      if (c >= a.vocabulary) continue;
#pragma unroll
      for (int i = 0; i < V; ++i) {
        const float value = capped<CAP>(z[j][i], a.softcap, inverse), t = value * inverse;
        const float g = expf(value - shift) * weight - every - (c + i == target ? own : 0.0f);
        z[j][i] = CAP ? g * (1.0f - t * t) : g;
      }
      storeSome(gradient + c, z[j]);
    }
  }
}

}  // namespace

Status crossEntropy(const CrossEntropy& a, Stream stream) {
  if (a.vocabulary <= 0 || a.rows < 0) return Status::BadShape;
  if (a.rows == 0) return Status::Ok;
  const bool packed = a.vocabulary % 4 == 0 && aligned(a.logits), cap = a.softcap != 0.0f;
  return byType(a.gradientType, [&]<class G>() {
    const auto kernel = packed ? (cap ? crossEntropyKernel<G, 4, true> : crossEntropyKernel<G, 4, false>) : (cap ? crossEntropyKernel<G, 1, true> : crossEntropyKernel<G, 1, false>);
    return launch(kernel, dim3(static_cast<unsigned>(a.rows)), dim3(threads), warps * (sizeof(double) + sizeof(Peak)) + sizeof(float), stream, a);
  });
}

}  // namespace qt::cuda
