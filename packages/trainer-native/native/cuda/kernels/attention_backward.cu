// Backward attention on tensor cores, in two kernels that each repeat the scores, so that every gradient is summed by one block in a
// fixed order and none through memory: dK and dV of a tile of keys over the queries that see it, dQ of a tile of queries over its keys.
//   P = 2^(c·S − log₂e·lse)   dP = dO·Vᵀ   dS = P∘(dP − delta) (∘(1 − tanh²) under a soft cap)
//   dV = Pᵀ·dO   dK = scale·dSᵀ·Q   dQ = scale·dS·K
// The first computes Sᵀ = K·Qᵀ and dPᵀ = V·dOᵀ, which lie in registers as the left sides of dV and dK. Tiles that are walked over come
// through two buffers, the next one while this one is worked on.
#include <cmath>

#include "attention_kinds.hpp"
#include "attention_tile.cuh"

namespace qt::cuda {
namespace {

// P and dS of a fragment: s holds scores and becomes P, d holds dP and becomes dS (without the scale). `lse` is times log₂e.
template <bool CAP>
struct ScoreGradient {
  float factor, intoCap, softcap, inverseCap;
  __device__ explicit ScoreGradient(const AttentionShape& shape)
      : factor((CAP ? 1.0f : shape.scale) * log2e), intoCap(CAP ? shape.scale / shape.softcap : 0.0f), softcap(shape.softcap) {}
  __device__ void operator()(float& s, float& d, float lse, float delta, bool seen) const {
    float slope = 1.0f;
    if constexpr (CAP) {
      const float t = hyperbolicTangent(s * intoCap);
      slope = 1.0f - t * t;
      s = softcap * t;
    }
    // Chosen before the power is taken, so that no branch is around it.
    s = qtExp2(seen ? s * factor - lse : -INFINITY);
    d = s * (d - delta) * slope;
  }
};

// Which of a fragment's scores count: a query sees what is `distance` before it where 0 ≤ distance < window. Distances of a lane's numbers are
// that of its first and a constant more.
struct Sight {
  int nearest, farthest;  // of the first number: its distance, and that less the window
  __device__ Sight(bool cut, int distance, int window)
      : nearest(cut ? distance : everything), farthest(cut && window > 0 ? distance - window : -everything) {}
  __device__ bool of(int more) const { return nearest >= -more && farthest < -more; }

 private:
  static constexpr int everything = 1 << 30;
};

// Without a soft cap what is not seen can be −∞ before anything is computed of it; most tiles are seen as a whole.
template <int M, int N, class Seen>
__device__ inline void hide(float (&s)[M][N][4], const Seen& seen) {
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int n = 0; n < N; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        if (!seen(m, n, i)) s[m][n][i] = -INFINITY;
}

struct BackwardPointers {
  const bf16 *q, *k, *v, *dOut;
  const float *logSumExp, *delta;
  bf16 *dq, *dk, *dv;
};

// SPLIT: as many warps share 16·M keys; each does its part of the queries' scores and of the heads' columns, and P and dS go through shared
// memory. Without it a warp has 16·M keys to itself. What fragments are read of shared memory for a multiplication is what limits this
// kernel: 80 for 128 with M = 1, 112 for 256 where two warps share 32 keys.
template <int D, int GROUPS, int M, int SPLIT, int QUERIES, int STAGES>
struct KeyTile {
  static constexpr int threads = GROUPS * SPLIT * 32;
  static constexpr int rows = GROUPS * 16 * M;
  static constexpr int scorePitch = QUERIES + 8;
  static constexpr std::size_t bytes = (static_cast<std::size_t>(2 * rows + STAGES * 2 * QUERIES) * pitch<D> + (SPLIT > 1 ? 2 * rows * scorePitch : 0)) * sizeof(bf16) +
                                       STAGES * 2 * QUERIES * sizeof(float);
};

template <int D, int GROUPS, int M, int SPLIT, int QUERIES, int STAGES, bool CAP>
__global__ void __launch_bounds__(KeyTile<D, GROUPS, M, SPLIT, QUERIES, STAGES>::threads, SPLIT > 1 || GROUPS > 4 ? 1 : 2)
    backwardKeyKernel(BackwardPointers a, AttentionShape shape, const AttentionSpan* spans) {
  using Tile = KeyTile<D, GROUPS, M, SPLIT, QUERIES, STAGES>;
  constexpr int N = QUERIES / 8 / SPLIT, C = D / 8 / SPLIT;
  auto* keys = dynamicShared<bf16>();
  bf16* values = keys + Tile::rows * pitch<D>;
  bf16* queries = values + Tile::rows * pitch<D>;                 // of each stage: queries, then dOut
  bf16* weights = queries + STAGES * 2 * QUERIES * pitch<D>;      // P, then dS
  auto* numbers = reinterpret_cast<float*>(weights + (SPLIT > 1 ? 2 * Tile::rows * Tile::scorePitch : 0));  // of each stage: lse, then delta

  const AttentionSpan span = spans[blockIdx.x / shape.kvHeads];
  const int kvHead = static_cast<int>(blockIdx.x) % shape.kvHeads, headDim = shape.headDim, group = shape.heads / shape.kvHeads;
  const int qStride = shape.heads * headDim, kStride = shape.kvHeads * headDim;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, part = warp / GROUPS;
  const int firstRow = warp % GROUPS * 16 * M;  // of the tile of keys
  const int warpFirst = span.first + firstRow;
  const int lastKey = min(span.first + Tile::rows, span.end) - 1;
  const int lastSeeing = shape.window > 0 ? min(span.end, lastKey + shape.window) - 1 : span.end - 1;
  const int steps = (lastSeeing - span.first) / QUERIES + 1;

  float dk[M][C][4], dv[M][C][4];
  clear(dk);
  clear(dv);
  const ScoreGradient<CAP> scoreGradient(shape);

  // Queries and dOut of a step into its stage: for each query head in turn, all steps.
  const auto fetch = [&](int item) {
    const int head = kvHead * group + item / steps, row = span.first + item % steps * QUERIES;
    bf16* to = queries + item % STAGES * 2 * QUERIES * pitch<D>;
    loadTile<D, QUERIES, Tile::threads>(to, a.q + head * headDim, qStride, row, span.end, headDim);
    loadTile<D, QUERIES, Tile::threads>(to + QUERIES * pitch<D>, a.dOut + head * headDim, qStride, row, span.end, headDim);
    cpAsyncCommit();
  };
  // A query behind the document has weight 2^−∞.
  float lseOfNext = INFINITY, deltaOfNext = 0.0f;
  const auto fetchNumbers = [&](int item) {
    const int head = kvHead * group + item / steps, row = span.first + item % steps * QUERIES + static_cast<int>(threadIdx.x);
    if (threadIdx.x >= QUERIES) return;
    const std::int64_t at = static_cast<std::int64_t>(row) * shape.heads + head;
    lseOfNext = row < span.end ? a.logSumExp[at] * log2e : INFINITY;
    deltaOfNext = row < span.end ? a.delta[at] : 0.0f;
  };
  const auto keepNumbers = [&](int item) {
    if (threadIdx.x >= QUERIES) return;
    float* to = numbers + item % STAGES * 2 * QUERIES;
    to[threadIdx.x] = lseOfNext;
    to[QUERIES + threadIdx.x] = deltaOfNext;
  };

  const int items = group * steps;
  loadTile<D, Tile::rows, Tile::threads>(keys, a.k + kvHead * headDim, kStride, span.first, span.end, headDim);
  loadTile<D, Tile::rows, Tile::threads>(values, a.v + kvHead * headDim, kStride, span.first, span.end, headDim);
  fetch(0);
  fetchNumbers(0);
  keepNumbers(0);
  for (int item = 0; item < items; ++item) {
    cpAsyncWait<0>();
    __syncthreads();
    const bool more = item + 1 < items;
    if (STAGES > 1 && more) fetch(item + 1);
    if (more) fetchNumbers(item + 1);

    const bf16* query = queries + item % STAGES * 2 * QUERIES * pitch<D>;
    const bf16* dOut = query + QUERIES * pitch<D>;
    const float* lse = numbers + item % STAGES * 2 * QUERIES;
    const int row = span.first + item % steps * QUERIES;
    // Warps whose keys all lie behind the queries have nothing to add.
    const bool active = row + QUERIES > warpFirst && warpFirst < span.end;
    const int own = part * N * 8;  // first query of this warp's scores
    float s[M][N][4], d[M][N][4];
    if (active) {
      clear(s);
      clear(d);
      multiplyRows<D>(s, keys + firstRow * pitch<D>, query + own * pitch<D>, lane);
      multiplyRows<D>(d, values + firstRow * pitch<D>, dOut + own * pitch<D>, lane);
      const bool cut = row < warpFirst + 16 * M - 1 || (shape.window > 0 && row + QUERIES > warpFirst + shape.window);
      const Sight sight(cut, row + own + lane % 4 * 2 - warpFirst - lane / 4, shape.window);  // of the first query after the first key
      if (!CAP && cut) hide(s, [&](int m, int n, int i) { return sight.of(8 * n + i % 2 - 16 * m - i / 2 * 8); });
#pragma unroll
      for (int n = 0; n < N; ++n) {
        const int column = own + 8 * n + lane % 4 * 2;
        const float2 lses = *reinterpret_cast<const float2*>(lse + column), deltas = *reinterpret_cast<const float2*>(lse + QUERIES + column);
#pragma unroll
        for (int m = 0; m < M; ++m)
#pragma unroll
          for (int i = 0; i < 4; ++i)
            scoreGradient(s[m][n][i], d[m][n][i], i % 2 == 0 ? lses.x : lses.y, i % 2 == 0 ? deltas.x : deltas.y, !CAP || sight.of(8 * n + i % 2 - 16 * m - i / 2 * 8));
      }
    }
    if constexpr (SPLIT > 1) {
      if (active)
#pragma unroll
        for (int m = 0; m < M; ++m)
#pragma unroll
          for (int n = 0; n < N; ++n)
#pragma unroll
            for (int half = 0; half < 2; ++half) {
              bf16* to = weights + (firstRow + 16 * m + 8 * half + lane / 4) * Tile::scorePitch + own + 8 * n + lane % 4 * 2;
              *reinterpret_cast<std::uint32_t*>(to) = packBf16(s[m][n][2 * half], s[m][n][2 * half + 1]);
              *reinterpret_cast<std::uint32_t*>(to + Tile::rows * Tile::scorePitch) = packBf16(d[m][n][2 * half], d[m][n][2 * half + 1]);
            }
      __syncthreads();
    }
    if (active) {
#pragma unroll
      for (int j = 0; j < QUERIES / 16; ++j) {
        std::uint32_t p[M][4], ds[M][4];
#pragma unroll
        for (int m = 0; m < M; ++m) {
          if constexpr (SPLIT > 1) {
            loadLeft(p[m], weights + (firstRow + 16 * m) * Tile::scorePitch + 16 * j, Tile::scorePitch, lane);
            loadLeft(ds[m], weights + (Tile::rows + firstRow + 16 * m) * Tile::scorePitch + 16 * j, Tile::scorePitch, lane);
          } else {
            leftOfSums(p[m], s[m][2 * j], s[m][2 * j + 1]);
            leftOfSums(ds[m], d[m][2 * j], d[m][2 * j + 1]);
          }
        }
#pragma unroll
        for (int n = 0; n < C; n += 2) {
          std::uint32_t b[4];
          const int at = 16 * j * pitch<D> + 8 * (part * C + n);
          loadRightTransposed(b, dOut + at, pitch<D>, lane);
#pragma unroll
          for (int m = 0; m < M; ++m) multiplyPair(dv[m][n], dv[m][n + 1], p[m], b);
          loadRightTransposed(b, query + at, pitch<D>, lane);
#pragma unroll
          for (int m = 0; m < M; ++m) multiplyPair(dk[m][n], dk[m][n + 1], ds[m], b);
        }
      }
    }
    if (STAGES == 1) {
      __syncthreads();
      if (more) fetch(item + 1);
    }
    if (more) keepNumbers(item + 1);
  }

  __syncthreads();
  float scale[M][2], one[M][2];
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      scale[m][half] = shape.scale;
      one[m][half] = 1.0f;
    }
  storeSums<D>(dk, scale, keys + firstRow * pitch<D> + part * C * 8, lane);
  storeSums<D>(dv, one, values + firstRow * pitch<D> + part * C * 8, lane);
  __syncthreads();
  storeTile<D, Tile::rows, Tile::threads>(keys, a.dk + kvHead * headDim, kStride, span.first, span.end, headDim, threadIdx.x);
  storeTile<D, Tile::rows, Tile::threads>(values, a.dv + kvHead * headDim, kStride, span.first, span.end, headDim, threadIdx.x);
}

template <int D, int WARPS, int M, int KEYS, int STAGES>
struct QueryTile {
  static constexpr int threads = WARPS * 32;
  static constexpr int rows = WARPS * 16 * M;
  static constexpr std::size_t bytes = static_cast<std::size_t>(2 * rows + STAGES * 2 * KEYS) * pitch<D> * sizeof(bf16);
};

template <int D, int WARPS, int M, int KEYS, int STAGES, bool CAP>
__global__ void __launch_bounds__(QueryTile<D, WARPS, M, KEYS, STAGES>::threads, 2)
    backwardQueryKernel(BackwardPointers a, AttentionShape shape, const AttentionSpan* spans) {
  using Tile = QueryTile<D, WARPS, M, KEYS, STAGES>;
  constexpr int N = KEYS / 8;
  auto* queries = dynamicShared<bf16>();
  bf16* dOut = queries + Tile::rows * pitch<D>;
  bf16* keys = dOut + Tile::rows * pitch<D>;  // of each stage: keys, then values

  const AttentionSpan span = spans[blockIdx.x / shape.heads];
  const int head = static_cast<int>(blockIdx.x) % shape.heads, headDim = shape.headDim;
  const int kvHead = head / (shape.heads / shape.kvHeads);
  const int qStride = shape.heads * headDim, kStride = shape.kvHeads * headDim;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int firstRow = warp * 16 * M, warpFirst = span.first + firstRow, warpLast = warpFirst + 16 * M - 1;
  const int firstSeen = shape.window > 0 ? max(span.begin, span.first - shape.window + 1) : span.begin;
  const int lastSeen = min(span.first + Tile::rows, span.end) - 1;
  const int firstKey = span.begin + (firstSeen - span.begin) / KEYS * KEYS, steps = (lastSeen - firstKey) / KEYS + 1;

  const auto fetch = [&](int step) {
    bf16* to = keys + step % STAGES * 2 * KEYS * pitch<D>;
    loadTile<D, KEYS, Tile::threads>(to, a.k + kvHead * headDim, kStride, firstKey + step * KEYS, span.end, headDim);
    loadTile<D, KEYS, Tile::threads>(to + KEYS * pitch<D>, a.v + kvHead * headDim, kStride, firstKey + step * KEYS, span.end, headDim);
    cpAsyncCommit();
  };
  loadTile<D, Tile::rows, Tile::threads>(queries, a.q + head * headDim, qStride, span.first, span.end, headDim);
  loadTile<D, Tile::rows, Tile::threads>(dOut, a.dOut + head * headDim, qStride, span.first, span.end, headDim);
  fetch(0);

  float lse[M][2], delta[M][2], dq[M][D / 8][4];
  clear(dq);
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = warpFirst + 16 * m + 8 * half + lane / 4;
      const std::int64_t at = static_cast<std::int64_t>(row) * shape.heads + head;
      lse[m][half] = row < span.end ? a.logSumExp[at] * log2e : INFINITY;
      delta[m][half] = row < span.end ? a.delta[at] : 0.0f;
    }
  const ScoreGradient<CAP> scoreGradient(shape);

  for (int step = 0; step < steps; ++step) {
    cpAsyncWait<0>();
    __syncthreads();
    if (STAGES > 1 && step + 1 < steps) fetch(step + 1);
    const bf16* key = keys + step % STAGES * 2 * KEYS * pitch<D>;
    const bf16* value = key + KEYS * pitch<D>;
    const int first = firstKey + step * KEYS;
    if (first <= warpLast && warpFirst < span.end) {
      float s[M][N][4], d[M][N][4];
      clear(s);
      clear(d);
      multiplyRows<D>(s, queries + firstRow * pitch<D>, key, lane);
      multiplyRows<D>(d, dOut + firstRow * pitch<D>, value, lane);
      const bool cut = first + KEYS - 1 > warpFirst || (shape.window > 0 && first <= warpLast - shape.window);
      const Sight sight(cut, warpFirst + lane / 4 - first - lane % 4 * 2, shape.window);
      if (!CAP && cut) hide(s, [&](int m, int n, int i) { return sight.of(16 * m + i / 2 * 8 - 8 * n - i % 2); });
#pragma unroll
      for (int m = 0; m < M; ++m)
#pragma unroll
        for (int n = 0; n < N; ++n)
#pragma unroll
          for (int i = 0; i < 4; ++i)
            scoreGradient(s[m][n][i], d[m][n][i], lse[m][i / 2], delta[m][i / 2], !CAP || sight.of(16 * m + i / 2 * 8 - 8 * n - i % 2));
#pragma unroll
      for (int j = 0; j < KEYS / 16; ++j) {
        std::uint32_t ds[M][4];
#pragma unroll
        for (int m = 0; m < M; ++m) leftOfSums(ds[m], d[m][2 * j], d[m][2 * j + 1]);
#pragma unroll
        for (int n = 0; n < D / 8; n += 2) {
          std::uint32_t b[4];
          loadRightTransposed(b, key + 16 * j * pitch<D> + 8 * n, pitch<D>, lane);
#pragma unroll
          for (int m = 0; m < M; ++m) multiplyPair(dq[m][n], dq[m][n + 1], ds[m], b);
        }
      }
    }
    if (STAGES == 1) {
      __syncthreads();
      if (step + 1 < steps) fetch(step + 1);
    }
  }

  float scale[M][2];
#pragma unroll
  for (int m = 0; m < M; ++m) scale[m][0] = scale[m][1] = shape.scale;
  bf16* own = queries + firstRow * pitch<D>;
  __syncwarp();
  storeSums<D>(dq, scale, own, lane);
  __syncwarp();
  storeTile<D, 16 * M, 32>(own, a.dq + head * headDim, qStride, warpFirst, span.end, headDim, lane);
}

// How much shared memory a block may have: less than 160 KB (sm_86, sm_89), less than 200 KB (sm_80), or more.
enum class Room { Little, Wide, Most };

// The tiles of a head size.
template <int D, Room R>
struct Tiles {
  static constexpr int m = D <= 64 ? 2 : 1, queryM = R != Room::Little || D <= 80 ? 2 : 1;
  using Key = KeyTile<D, 4, m, 1, 32, 2>;
  using Query = QueryTile<D, 4, queryM, 32, 2>;
  template <bool CAP>
  static constexpr auto key = backwardKeyKernel<D, 4, m, 1, CAP && D == 64 ? 16 : 32, 2, CAP>;  // so that what the cap needs fits into registers
  template <bool CAP>
  static constexpr auto query = backwardQueryKernel<D, 4, queryM, 32, 2, CAP>;
};
template <>
struct Tiles<128, Room::Most> {
  using Key = KeyTile<128, 4, 2, 2, 64, 2>;
  using Query = Tiles<128, Room::Wide>::Query;
  template <bool CAP>
  static constexpr auto key = backwardKeyKernel<128, CAP ? 8 : 4, CAP ? 1 : 2, CAP ? 1 : 2, CAP ? 32 : 64, 2, CAP>;  // as above
  template <bool CAP>
  static constexpr auto query = backwardQueryKernel<128, 4, 2, 32, 2, CAP>;
};
template <>
struct Tiles<256, Room::Wide> {
  using Key = KeyTile<256, 4, 1, 2, 32, 2>;
  using Query = QueryTile<256, 4, 1, 32, 2>;
  template <bool CAP>
  static constexpr auto key = backwardKeyKernel<256, 4, 1, 2, 32, 2, CAP>;
  template <bool CAP>
  static constexpr auto query = backwardQueryKernel<256, 4, 1, 32, 2, CAP>;
};
template <>
struct Tiles<256, Room::Little> {
  using Key = KeyTile<256, 2, 1, 2, 32, 1>;
  using Query = QueryTile<256, 2, 1, 16, 2>;
  template <bool CAP>
  static constexpr auto key = backwardKeyKernel<256, 2, 1, 2, 32, 1, CAP>;
  template <bool CAP>
  static constexpr auto query = backwardQueryKernel<256, 2, 1, 16, 2, CAP>;
};

template <class Body>
auto byTiles(std::int32_t headDim, const Body& body) {
  const std::size_t limit = sharedLimit();
  return byHeadDim(headDim, [&]<int D>() {
    if constexpr (D == 128)
      if (limit >= 200 * 1024) return body.template operator()<Tiles<D, Room::Most>>();
    return limit >= 160 * 1024 ? body.template operator()<Tiles<D, Room::Wide>>() : body.template operator()<Tiles<D, Room::Little>>();
  });
}

BackwardPointers pointersOf(const AttentionBackward& a) {
  return {static_cast<const bf16*>(a.q), static_cast<const bf16*>(a.k), static_cast<const bf16*>(a.v), static_cast<const bf16*>(a.dOut), a.logSumExp, a.delta,
          static_cast<bf16*>(a.dq),      static_cast<bf16*>(a.dk),      static_cast<bf16*>(a.dv)};
}

}  // namespace

Status attentionBackwardQueryBf16(const AttentionBackward& a, const AttentionSpan* spans, std::int64_t count, Stream stream) {
  return byTiles(a.shape.headDim, [&]<class T>() {
    return launch(a.shape.softcap != 0.0f ? T::template query<true> : T::template query<false>, dim3(static_cast<unsigned>(count * a.shape.heads)),
                  dim3(T::Query::threads), T::Query::bytes, stream, pointersOf(a), a.shape, spans);
  });
}
Status attentionBackwardKeyBf16(const AttentionBackward& a, const AttentionSpan* spans, std::int64_t count, Stream stream) {
  return byTiles(a.shape.headDim, [&]<class T>() {
    return launch(a.shape.softcap != 0.0f ? T::template key<true> : T::template key<false>, dim3(static_cast<unsigned>(count * a.shape.kvHeads)),
                  dim3(T::Key::threads), T::Key::bytes, stream, pointersOf(a), a.shape, spans);
  });
}
int queryRowsBf16(std::int32_t headDim) {
  return byTiles(headDim, []<class T>() { return T::Query::rows; });
}
int keyRowsBf16(std::int32_t headDim) {
  return byTiles(headDim, []<class T>() { return T::Key::rows; });
}

}  // namespace qt::cuda
