// Tiles of bfloat16 rows in shared memory and the fragments of mma.sync m16n8k16 that are read from them.
// A fragment of C holds, in lane l, rows l/4 and l/4 + 8 and columns 2·(l%4) and the next.
#pragma once
#include "attention.hpp"
#include "rows.cuh"

namespace qt::cuda {

// From one row of a tile to the next: eight numbers more than a row has, so that the eight 16-byte pieces that ldmatrix reads lie in
// different banks.
template <int D>
inline constexpr int pitch = D + 8;

// Rows [row, row + ROWS) of a head into a tile; rows from `end` on and columns from headDim on become zero. The copy is under way when this returns.
template <int D, int ROWS, int THREADS>
__device__ inline void loadTile(bf16* tile, const bf16* head, int stride, int row, int end, int headDim) {
  constexpr int pieces = D / 8;
  // Heads begin at borders of 16 bytes only where they are whole pieces.
  const bool whole = headDim % 8 == 0;
#pragma unroll
  for (int i = threadIdx.x; i < ROWS * pieces; i += THREADS) {
    const int r = i / pieces, c = i % pieces * 8;
    const bool inside = row + r < end && c < headDim;
    const bf16* from = inside ? head + static_cast<std::int64_t>(row + r) * stride + c : head;
    bf16* to = tile + r * pitch<D> + c;
    if (whole) {
      cpAsync16(to, from, inside ? 16 : 0);
    } else {
      std::uint32_t word[4];
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const std::uint32_t low = inside && c + 2 * j < headDim ? from[2 * j].bits : 0, high = inside && c + 2 * j + 1 < headDim ? from[2 * j + 1].bits : 0;
        word[j] = low | high << 16;
      }
      *reinterpret_cast<uint4*>(to) = make_uint4(word[0], word[1], word[2], word[3]);
    }
  }
}

// Writes a tile that lies in shared memory.
template <int D, int ROWS, int THREADS>
__device__ inline void storeTile(const bf16* tile, bf16* head, int stride, int row, int end, int headDim, int thread) {
  constexpr int pieces = D / 8;
  const bool whole = headDim % 8 == 0;
  for (int i = thread; i < ROWS * pieces; i += THREADS) {
    const int r = i / pieces, c = i % pieces * 8;
    if (row + r >= end || c >= headDim) continue;
    const bf16* from = tile + r * pitch<D> + c;
    bf16* to = head + static_cast<std::int64_t>(row + r) * stride + c;
    if (whole) *reinterpret_cast<uint4*>(to) = *reinterpret_cast<const uint4*>(from);
    else
      for (int j = 0; j < 8 && c + j < headDim; ++j) to[j] = from[j];
  }
}

// A: 16 rows from `tile` on, sixteen columns.
__device__ inline void loadLeft(std::uint32_t (&a)[4], const bf16* tile, int rowPitch, int lane) {
  ldmatrixX4(a, tile + (lane % 16) * rowPitch + lane / 16 * 8);
}
// B of two neighbouring n8: rows of the tile are columns of B, its sixteen columns the depth.
__device__ inline void loadRight(std::uint32_t (&b)[4], const bf16* tile, int rowPitch, int lane) {
  ldmatrixX4(b, tile + (lane / 16 * 8 + lane % 8) * rowPitch + lane / 8 % 2 * 8);
}
// B of two neighbouring n8: sixteen rows of the tile are the depth, its columns those of B.
__device__ inline void loadRightTransposed(std::uint32_t (&b)[4], const bf16* tile, int rowPitch, int lane) {
  ldmatrixX4Trans(b, tile + (lane % 16) * rowPitch + lane / 16 * 8);
}
// c[j], c[j + 1] += A·B of such a pair.
__device__ inline void multiplyPair(float (&first)[4], float (&second)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[4]) {
  const std::uint32_t low[2] = {b[0], b[1]}, high[2] = {b[2], b[3]};
  mmaBf16(first, a, low);
  mmaBf16(second, a, high);
}
// Two neighbouring fragments of C as the A of a further product.
__device__ inline void leftOfSums(std::uint32_t (&a)[4], const float (&first)[4], const float (&second)[4]) {
  a[0] = packBf16(first[0], first[1]);
  a[1] = packBf16(first[2], first[3]);
  a[2] = packBf16(second[0], second[1]);
  a[3] = packBf16(second[2], second[3]);
}

// sums[m][n] += rows [16m, 16m + 16) of `left` times rows [8n, 8n + 8) of `right`, over D columns.
template <int D, int M, int N>
__device__ inline void multiplyRows(float (&sums)[M][N][4], const bf16* left, const bf16* right, int lane) {
  // Longer stretches unrolled only make the compiler read ahead into registers that the sums need.
#pragma unroll(D > 128 ? 4 : D / 16)
  for (int k = 0; k < D; k += 16) {
    std::uint32_t a[M][4];
#pragma unroll
    for (int m = 0; m < M; ++m) loadLeft(a[m], left + 16 * m * pitch<D> + k, pitch<D>, lane);
#pragma unroll
    for (int n = 0; n < N; n += 2) {
      std::uint32_t b[4];
      loadRight(b, right + 8 * n * pitch<D> + k, pitch<D>, lane);
#pragma unroll
      for (int m = 0; m < M; ++m) multiplyPair(sums[m][n], sums[m][n + 1], a[m], b);
    }
  }
}

template <int M, int N>
__device__ inline void clear(float (&sums)[M][N][4]) {
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int n = 0; n < N; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) sums[m][n][i] = 0.0f;
}

// Fragments of C, times a factor, into rows of a tile.
template <int D, int M, int N>
__device__ inline void storeSums(const float (&sums)[M][N][4], const float (&factor)[M][2], bf16* tile, int lane) {
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int n = 0; n < N; ++n)
#pragma unroll
      for (int half = 0; half < 2; ++half)
        *reinterpret_cast<std::uint32_t*>(tile + (16 * m + 8 * half + lane / 4) * pitch<D> + 8 * n + lane % 4 * 2) =
            packBf16(sums[m][n][2 * half] * factor[m][half], sums[m][n][2 * half + 1] * factor[m][half]);
}

// Shared memory that a block may have on this device.
std::size_t sharedLimit();

// Calls body with the head size rounded up to one that kernels exist for.
template <class Body>
auto byHeadDim(std::int32_t headDim, const Body& body) {
  if (headDim <= 16) return body.template operator()<16>();
  if (headDim <= 32) return body.template operator()<32>();
  if (headDim <= 64) return body.template operator()<64>();
  if (headDim <= 80) return body.template operator()<80>();
  if (headDim <= 96) return body.template operator()<96>();
  if (headDim <= 128) return body.template operator()<128>();
  return body.template operator()<256>();
}

}  // namespace qt::cuda
