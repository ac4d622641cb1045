// Attention of float32 activations, in float32 throughout: for checking, and for models trained that way. 256 threads hold a square of
// scores; LANES neighbouring ones share a row of it, and the row's sums over the head's columns.
#include <cmath>

#include "attention_kinds.hpp"
#include "attention_tile.cuh"

namespace qt::cuda {
namespace {

constexpr int threads = 256;

template <int D>
struct Square {
  static constexpr int side = D <= 128 ? 32 : 16;  // four tiles of this many rows fit into 99 KB
  static constexpr int lanes = threads / side;
  static constexpr int scores = side / lanes;      // of a thread: columns lane, lane + lanes …
  static constexpr int columns = D / lanes;        // of a thread, likewise
  static constexpr int tilePitch = D + 4;          // 16-byte reads of eight rows meet different banks
  static constexpr int tile = side * tilePitch;
  static constexpr int scorePitch = side + 1;
};

template <int D>
__device__ inline void loadFloats(float* tile, const float* head, int stride, int row, int end, int headDim) {
  for (int i = threadIdx.x; i < Square<D>::side * D; i += threads) {
    const int r = i / D, c = i % D;
    tile[r * Square<D>::tilePitch + c] = row + r < end && c < headDim ? head[static_cast<std::int64_t>(row + r) * stride + c] : 0.0f;
  }
}

// Row `row` of one tile with rows lane, lane + LANES … of another.
template <int D>
__device__ inline void products(float (&out)[Square<D>::scores], const float* left, const float* right, int row, int lane) {
#pragma unroll
  for (float& x : out) x = 0.0f;
#pragma unroll(D == 128 ? 2 : 4)  // what fits into registers
  for (int c = 0; c < D; c += 4) {
    const float4 a = *reinterpret_cast<const float4*>(left + row * Square<D>::tilePitch + c);
#pragma unroll
    for (int j = 0; j < Square<D>::scores; ++j) {
      const float4 b = *reinterpret_cast<const float4*>(right + (lane + j * Square<D>::lanes) * Square<D>::tilePitch + c);
      out[j] += a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
    }
  }
}

// sums += a row of weights times the rows of a tile.
template <int D>
__device__ inline void addWeighted(float (&sums)[Square<D>::columns], const float* weights, const float* tile, int lane) {
  for (int i = 0; i < Square<D>::side; ++i) {
    const float w = weights[i];
#pragma unroll
    for (int c = 0; c < Square<D>::columns; ++c) sums[c] += w * tile[i * Square<D>::tilePitch + lane + c * Square<D>::lanes];
  }
}

template <int D>
__device__ inline void storeRow(const float (&sums)[Square<D>::columns], float factor, float* to, int headDim, int lane) {
#pragma unroll
  for (int c = 0; c < Square<D>::columns; ++c)
    if (lane + c * Square<D>::lanes < headDim) to[lane + c * Square<D>::lanes] = sums[c] * factor;
}

__device__ inline bool sees(const AttentionShape& shape, int query, int key) { return key <= query && (shape.window == 0 || query - key < shape.window); }

// A score; the slope of its soft cap.
__device__ inline float capped(const AttentionShape& shape, float product, float& slope) {
  const float x = product * shape.scale;
  if (shape.softcap == 0.0f) {
    slope = 1.0f;
    return x;
  }
  const float t = tanhf(x / shape.softcap);
  slope = 1.0f - t * t;
  return shape.softcap * t;
}

template <int D>
__global__ void __launch_bounds__(threads, 2) forwardKernel(AttentionForward a, const AttentionSpan* spans) {
  using S = Square<D>;
  const AttentionShape& shape = a.shape;
  auto* queries = dynamicShared<float>();
  float* keys = queries + S::tile;
  float* values = keys + S::tile;
  float* weights = values + S::tile;
  const AttentionSpan span = spans[blockIdx.x / shape.heads];
  const int head = static_cast<int>(blockIdx.x) % shape.heads, kvHead = head / (shape.heads / shape.kvHeads), headDim = shape.headDim;
  const int qStride = shape.heads * headDim, kStride = shape.kvHeads * headDim;
  const int r = threadIdx.x / S::lanes, lane = threadIdx.x % S::lanes, row = span.first + r;
  const int firstSeen = shape.window > 0 ? max(span.begin, span.first - shape.window + 1) : span.begin;
  const int lastSeen = min(span.first + S::side, span.end) - 1;

  float o[S::columns] = {}, most = -INFINITY, sum = 0.0f;
  loadFloats<D>(queries, static_cast<const float*>(a.q) + head * headDim, qStride, span.first, span.end, headDim);
  for (int key = firstSeen; key <= lastSeen; key += S::side) {
    __syncthreads();
    loadFloats<D>(keys, static_cast<const float*>(a.k) + kvHead * headDim, kStride, key, span.end, headDim);
    loadFloats<D>(values, static_cast<const float*>(a.v) + kvHead * headDim, kStride, key, span.end, headDim);
    __syncthreads();
    float s[S::scores], high = most, slope;
    products<D>(s, queries, keys, r, lane);
#pragma unroll
    for (int j = 0; j < S::scores; ++j) {
      s[j] = sees(shape, row, key + lane + j * S::lanes) ? capped(shape, s[j], slope) : -INFINITY;
      high = fmaxf(high, s[j]);
    }
    for (int step = S::lanes / 2; step > 0; step /= 2) high = fmaxf(high, __shfl_xor_sync(fullWarp, high, step));
    // A row that has seen nothing yet stays at −∞, and its weights at 0.
    const float base = high == -INFINITY ? 0.0f : high, shrink = expf(most - base);
    most = high;
    float total = 0.0f;
#pragma unroll
    for (int j = 0; j < S::scores; ++j) {
      const float p = expf(s[j] - base);
      weights[r * S::scorePitch + lane + j * S::lanes] = p;
      total += p;
    }
    sum = sum * shrink + sumOver(total, S::lanes);
    __syncwarp();
#pragma unroll
    for (float& x : o) x *= shrink;
    addWeighted<D>(o, weights + r * S::scorePitch, values, lane);
  }
  if (row >= span.end) return;
  storeRow<D>(o, 1.0f / sum, static_cast<float*>(a.out) + static_cast<std::int64_t>(row) * qStride + head * headDim, headDim, lane);
  if (lane == 0) a.logSumExp[static_cast<std::int64_t>(row) * shape.heads + head] = most + logf(sum);
}

template <int D>
__global__ void __launch_bounds__(threads, 2) backwardQueryKernel(AttentionBackward a, const AttentionSpan* spans) {
  using S = Square<D>;
  const AttentionShape& shape = a.shape;
  auto* queries = dynamicShared<float>();
  float* dOut = queries + S::tile;
  float* keys = dOut + S::tile;
  float* values = keys + S::tile;
  float* weights = values + S::tile;
  const AttentionSpan span = spans[blockIdx.x / shape.heads];
  const int head = static_cast<int>(blockIdx.x) % shape.heads, kvHead = head / (shape.heads / shape.kvHeads), headDim = shape.headDim;
  const int qStride = shape.heads * headDim, kStride = shape.kvHeads * headDim;
  const int r = threadIdx.x / S::lanes, lane = threadIdx.x % S::lanes, row = span.first + r;
  const int firstSeen = shape.window > 0 ? max(span.begin, span.first - shape.window + 1) : span.begin;
  const int lastSeen = min(span.first + S::side, span.end) - 1;
  const std::int64_t at = static_cast<std::int64_t>(min(row, span.end - 1)) * shape.heads + head;
  const float lse = a.logSumExp[at], delta = a.delta[at];

  float dq[S::columns] = {};
  loadFloats<D>(queries, static_cast<const float*>(a.q) + head * headDim, qStride, span.first, span.end, headDim);
  loadFloats<D>(dOut, static_cast<const float*>(a.dOut) + head * headDim, qStride, span.first, span.end, headDim);
  for (int key = firstSeen; key <= lastSeen; key += S::side) {
    __syncthreads();
    loadFloats<D>(keys, static_cast<const float*>(a.k) + kvHead * headDim, kStride, key, span.end, headDim);
    loadFloats<D>(values, static_cast<const float*>(a.v) + kvHead * headDim, kStride, key, span.end, headDim);
    __syncthreads();
    float s[S::scores], d[S::scores], slope;
    products<D>(s, queries, keys, r, lane);
    products<D>(d, dOut, values, r, lane);
#pragma unroll
    for (int j = 0; j < S::scores; ++j) {
      const float p = sees(shape, row, key + lane + j * S::lanes) ? expf(capped(shape, s[j], slope) - lse) : 0.0f;
      weights[r * S::scorePitch + lane + j * S::lanes] = p == 0.0f ? 0.0f : p * (d[j] - delta) * slope;
    }
    __syncwarp();
    addWeighted<D>(dq, weights + r * S::scorePitch, keys, lane);
  }
  if (row < span.end) storeRow<D>(dq, shape.scale, static_cast<float*>(a.dq) + static_cast<std::int64_t>(row) * qStride + head * headDim, headDim, lane);
}

template <int D>
__global__ void __launch_bounds__(threads, 2) backwardKeyKernel(AttentionBackward a, const AttentionSpan* spans) {
  using S = Square<D>;
  const AttentionShape& shape = a.shape;
  auto* keys = dynamicShared<float>();
  float* values = keys + S::tile;
  float* queries = values + S::tile;
  float* dOut = queries + S::tile;
  float* weights = dOut + S::tile;
  float* gradients = weights + S::side * S::scorePitch;
  const AttentionSpan span = spans[blockIdx.x / shape.kvHeads];
  const int kvHead = static_cast<int>(blockIdx.x) % shape.kvHeads, group = shape.heads / shape.kvHeads, headDim = shape.headDim;
  const int qStride = shape.heads * headDim, kStride = shape.kvHeads * headDim;
  const int r = threadIdx.x / S::lanes, lane = threadIdx.x % S::lanes, key = span.first + r;
  const int lastKey = min(span.first + S::side, span.end) - 1;
  const int lastSeeing = shape.window > 0 ? min(span.end, lastKey + shape.window) - 1 : span.end - 1;

  float dk[S::columns] = {}, dv[S::columns] = {};
  loadFloats<D>(keys, static_cast<const float*>(a.k) + kvHead * headDim, kStride, span.first, span.end, headDim);
  loadFloats<D>(values, static_cast<const float*>(a.v) + kvHead * headDim, kStride, span.first, span.end, headDim);
  for (int head = kvHead * group; head < (kvHead + 1) * group; ++head)
    for (int first = span.first; first <= lastSeeing; first += S::side) {
      __syncthreads();
      loadFloats<D>(queries, static_cast<const float*>(a.q) + head * headDim, qStride, first, span.end, headDim);
      loadFloats<D>(dOut, static_cast<const float*>(a.dOut) + head * headDim, qStride, first, span.end, headDim);
      __syncthreads();
      float s[S::scores], d[S::scores], slope;
      products<D>(s, keys, queries, r, lane);
      products<D>(d, values, dOut, r, lane);
#pragma unroll
      for (int j = 0; j < S::scores; ++j) {
        const int row = first + lane + j * S::lanes;
        const bool seen = row < span.end && sees(shape, row, key);
        const std::int64_t at = static_cast<std::int64_t>(seen ? row : first) * shape.heads + head;
        const float p = seen ? expf(capped(shape, s[j], slope) - a.logSumExp[at]) : 0.0f;
        weights[r * S::scorePitch + lane + j * S::lanes] = p;
        gradients[r * S::scorePitch + lane + j * S::lanes] = seen ? p * (d[j] - a.delta[at]) * slope : 0.0f;
      }
      __syncwarp();
      addWeighted<D>(dv, weights + r * S::scorePitch, dOut, lane);
      addWeighted<D>(dk, gradients + r * S::scorePitch, queries, lane);
    }
  if (key >= span.end) return;
  const std::int64_t at = static_cast<std::int64_t>(key) * kStride + kvHead * headDim;
  storeRow<D>(dk, shape.scale, static_cast<float*>(a.dk) + at, headDim, lane);
  storeRow<D>(dv, 1.0f, static_cast<float*>(a.dv) + at, headDim, lane);
}

template <int D>
constexpr std::size_t bytes(int tiles, int squares) {
  return (static_cast<std::size_t>(tiles) * Square<D>::tile + static_cast<std::size_t>(squares) * Square<D>::side * Square<D>::scorePitch) * sizeof(float);
}

}  // namespace

Status attentionForwardF32(const AttentionForward& a, const AttentionSpan* spans, std::int64_t count, Stream stream) {
  return byHeadDim(a.shape.headDim, [&]<int D>() {
    return launch(forwardKernel<D>, dim3(static_cast<unsigned>(count * a.shape.heads)), dim3(threads), bytes<D>(3, 1), stream, a, spans);
  });
}
Status attentionBackwardQueryF32(const AttentionBackward& a, const AttentionSpan* spans, std::int64_t count, Stream stream) {
  return byHeadDim(a.shape.headDim, [&]<int D>() {
    return launch(backwardQueryKernel<D>, dim3(static_cast<unsigned>(count * a.shape.heads)), dim3(threads), bytes<D>(4, 1), stream, a, spans);
  });
}
Status attentionBackwardKeyF32(const AttentionBackward& a, const AttentionSpan* spans, std::int64_t count, Stream stream) {
  return byHeadDim(a.shape.headDim, [&]<int D>() {
    return launch(backwardKeyKernel<D>, dim3(static_cast<unsigned>(count * a.shape.kvHeads)), dim3(threads), bytes<D>(4, 2), stream, a, spans);
  });
}
int attentionRowsF32(std::int32_t headDim) {
  return byHeadDim(headDim, []<int D>() { return Square<D>::side; });
}

}  // namespace qt::cuda
