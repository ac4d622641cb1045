// Forward attention on tensor cores (Dao, FlashAttention-2, arXiv 2307.08691). A block has WARPS·16·M queries of one head; keys and values
// come 64 rows at a time, the values while the scores are computed, the next keys while the weights meet the values.
//   S = Q·Kᵀ   m' = max(m, max S)   P = 2^(c·S − c·m')   l = l·2^(c·m − c·m') + ΣP   O = O·2^(c·m − c·m') + P·V,  c = scale·log₂e
// Scores and weights stay in registers: the sums of S are laid out as the left side of P·V wants them. A warp has 32 queries where
// registers allow, so that each fragment of keys or values that is read from shared memory serves two products; with 16 the reads,
// not the tensor cores, would set the pace.
#include <cmath>

#include "attention_kinds.hpp"
#include "attention_tile.cuh"

namespace qt::cuda {
namespace {

constexpr int keyRows = 64;

template <int D>
struct ForwardTile {
  static constexpr int warps = 4;
  static constexpr int m = D <= 128 ? 2 : 1;
  static constexpr int rows = warps * 16 * m;
  static constexpr int blocks = D <= 32 ? 3 : 2;  // that share a multiprocessor, as registers allow
  static constexpr std::size_t bytes = static_cast<std::size_t>(rows + 2 * keyRows) * pitch<D> * sizeof(bf16);
};

template <int D, bool CAP>
__global__ void __launch_bounds__(ForwardTile<D>::warps * 32, ForwardTile<D>::blocks)
    forwardKernel(const bf16* q, const bf16* k, const bf16* v, bf16* out, float* logSumExp, AttentionShape shape, const AttentionSpan* spans) {
  using Tile = ForwardTile<D>;
  constexpr int M = Tile::m, threads = Tile::warps * 32, N = keyRows / 8;
  auto* queries = dynamicShared<bf16>();
  bf16* keys = queries + Tile::rows * pitch<D>;
  bf16* values = keys + keyRows * pitch<D>;

  const AttentionSpan span = spans[blockIdx.x / shape.heads];
  const int head = static_cast<int>(blockIdx.x) % shape.heads, headDim = shape.headDim;
  const int qStride = shape.heads * headDim, kStride = shape.kvHeads * headDim;
  const int kvHead = head / (shape.heads / shape.kvHeads);
  q += head * headDim;
  k += kvHead * headDim;
  v += kvHead * headDim;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int warpFirst = span.first + warp * 16 * M, warpLast = warpFirst + 16 * M - 1;
  const int firstSeen = shape.window > 0 ? max(span.begin, span.first - shape.window + 1) : span.begin;
  const int lastSeen = min(span.first + Tile::rows, span.end) - 1;

  // Of what is seldom needed, with 32 queries to a warp, nothing fits into registers: it lies behind the tiles' rows, where pitch leaves room
  // for four numbers. A thread's sums of weights, the i-th at ownSum ^ i so that threads whose places begin in one bank differ; and the head.
  float* sums = reinterpret_cast<float*>(queries);
  const int ownSum = (static_cast<int>(threadIdx.x) * 2 * M / 4 * pitch<D> + D) / 2 + static_cast<int>(threadIdx.x) * 2 * M % 4 +
                     static_cast<int>(threadIdx.x) * 2 * M / 32 % (2 * M);
  int* kept = reinterpret_cast<int*>(keys + D);
  if (threadIdx.x == 0) *kept = head;

  float o[M][D / 8][4], most[M][2];
  clear(o);
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      most[m][half] = -INFINITY;
      sums[ownSum ^ (2 * m + half)] = 0.0f;
    }
  // What turns a score into a power of two.
  const float factor = (CAP ? 1.0f : shape.scale) * log2e;
  const float intoCap = CAP ? shape.scale / shape.softcap : 0.0f;

  int key = span.begin + (firstSeen - span.begin) / keyRows * keyRows;
  loadTile<D, Tile::rows, threads>(queries, q, qStride, span.first, span.end, headDim);
  loadTile<D, keyRows, threads>(keys, k, kStride, key, span.end, headDim);
  cpAsyncCommit();
  for (; key <= lastSeen; key += keyRows) {
    // Warps whose queries all lie before the keys, or behind the document, only wait.
    const bool active = key <= warpLast && warpFirst < span.end;
    float s[M][N][4];
    cpAsyncWait<0>();
    __syncthreads();
    loadTile<D, keyRows, threads>(values, v, kStride, key, span.end, headDim);
    cpAsyncCommit();
    if (active) {
      clear(s);
      multiplyRows<D>(s, queries + warp * 16 * M * pitch<D>, keys, lane);
    }
    cpAsyncWait<0>();
    __syncthreads();
    if (key + keyRows <= lastSeen) loadTile<D, keyRows, threads>(keys, k, kStride, key + keyRows, span.end, headDim);
    cpAsyncCommit();
    if (!active) continue;

    const bool cut = key + keyRows - 1 > warpFirst || (shape.window > 0 && key <= warpLast - shape.window);
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        // Of this lane's columns, 8n and 8n + 1, it sees those up to `last` and after `before`.
        const int last = warpFirst - key + 16 * m + 8 * half + lane / 4 - lane % 4 * 2;
        const int before = shape.window > 0 ? last - shape.window : -keyRows;
        float high = most[m][half];
#pragma unroll
        for (int n = 0; n < N; ++n)
#pragma unroll
          for (int i = 2 * half; i < 2 * half + 2; ++i) {
            if constexpr (CAP) s[m][n][i] = shape.softcap * hyperbolicTangent(s[m][n][i] * intoCap);
            if (cut && (8 * n + i % 2 > last || 8 * n + i % 2 <= before)) s[m][n][i] = -INFINITY;
            high = fmaxf(high, s[m][n][i]);
          }
        high = fmaxf(high, __shfl_xor_sync(fullWarp, high, 1));
        high = fmaxf(high, __shfl_xor_sync(fullWarp, high, 2));
        // A row that has seen nothing yet stays at −∞, and its weights at 0.
        const float base = high == -INFINITY ? 0.0f : high * factor;
        const float shrink = qtExp2(most[m][half] * factor - base);
        most[m][half] = high;
        float total = 0.0f;
#pragma unroll
        for (int n = 0; n < N; ++n)
#pragma unroll
          for (int i = 2 * half; i < 2 * half + 2; ++i) {
            s[m][n][i] = qtExp2(s[m][n][i] * factor - base);
            total += s[m][n][i];
          }
        float& sum = sums[ownSum ^ (2 * m + half)];
        sum = sum * shrink + total;
#pragma unroll
        for (int n = 0; n < D / 8; ++n) {
          o[m][n][2 * half] *= shrink;
          o[m][n][2 * half + 1] *= shrink;
        }
      }
#pragma unroll
    for (int j = 0; j < keyRows / 16; ++j) {
      std::uint32_t p[M][4];
#pragma unroll
      for (int m = 0; m < M; ++m) leftOfSums(p[m], s[m][2 * j], s[m][2 * j + 1]);
#pragma unroll
      for (int n = 0; n < D / 8; n += 2) {
        std::uint32_t b[4];
        loadRightTransposed(b, values + 16 * j * pitch<D> + 8 * n, pitch<D>, lane);
#pragma unroll
        for (int m = 0; m < M; ++m) multiplyPair(o[m][n], o[m][n + 1], p[m], b);
      }
    }
  }

  float inverse[M][2];
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float all = sumOver(sums[ownSum ^ (2 * m + half)], 4);
      inverse[m][half] = 1.0f / all;
      const int row = warpFirst + 16 * m + 8 * half + lane / 4;
      if (lane % 4 == 0 && row < span.end)
        logSumExp[static_cast<std::int64_t>(row) * shape.heads + *kept] = most[m][half] * factor * ln2 + logf(all);
    }
  // By way of this warp's own queries, which nobody else reads.
  bf16* own = queries + warp * 16 * M * pitch<D>;
  __syncwarp();
  storeSums<D>(o, inverse, own, lane);
  __syncwarp();
  storeTile<D, 16 * M, 32>(own, out + *kept * headDim, qStride, warpFirst, span.end, headDim, lane);
}

template <int D>
Status forwardBf16(const AttentionForward& a, const AttentionSpan* spans, std::int64_t count, Stream stream) {
  using Tile = ForwardTile<D>;
  const auto kernel = a.shape.softcap != 0.0f ? forwardKernel<D, true> : forwardKernel<D, false>;
  return launch(kernel, dim3(static_cast<unsigned>(count * a.shape.heads)), dim3(Tile::warps * 32), Tile::bytes, stream, static_cast<const bf16*>(a.q),
                static_cast<const bf16*>(a.k), static_cast<const bf16*>(a.v), static_cast<bf16*>(a.out), a.logSumExp, a.shape, spans);
}

}  // namespace

Status attentionForwardBf16(const AttentionForward& a, const AttentionSpan* spans, std::int64_t count, Stream stream) {
  return byHeadDim(a.shape.headDim, [&]<int D>() { return forwardBf16<D>(a, spans, count, stream); });
}

int forwardRowsBf16(std::int32_t headDim) {
  return byHeadDim(headDim, []<int D>() { return ForwardTile<D>::rows; });
}

}  // namespace qt::cuda
