// Tiles of a product's sides in shared memory, and what a warp does with them.
//
// A side is stored with memory running along depth (lines are rows of the left side, or columns of the right one) or across it (lines are
// depths). A tile keeps that orientation, since ldmatrix turns it at no cost, and its 16-byte chunks are placed so that neither the copies
// nor the loads of fragments meet in a bank of shared memory.
#pragma once
#include "../platform.cuh"

namespace qt::cuda {

struct Side {
  const void* data;
  std::int64_t stride;  // elements between lines
  bool isF32;
  bool alongDepth;
  bool aligned;         // lines begin on 16 bytes
};

struct Bf16Tiles {
  using Element = bf16;
  static constexpr int depth = 32, chunk = 8;

  template <int Width>
  static constexpr int elements = Width * depth;
  template <int Width>
  __device__ static int lineElements(bool alongDepth) {
    return alongDepth ? depth : Width;
  }

  template <int Width>
  __device__ static int place(bool alongDepth, int line, int chunkOfLine) {
    if (alongDepth) return (line * 4 + (chunkOfLine ^ (line >> 1 & 3))) * chunk;
    constexpr int chunks = Width / chunk;
    const int turn = chunks >= 8 ? line & 7 : line >> 1 & 3;
    return (line * chunks + (chunkOfLine ^ turn)) * chunk;
  }

  // Float32 is rounded, and what lies beside the matrix is 0.
  __device__ static void copySlowly(bf16* to, const Side& side, std::int64_t at, int count) {
    float v[8];
    if (side.isF32 && side.aligned && count == 8) {
      load8(static_cast<const float*>(side.data) + at, v);
      store8(to, v);
      return;
    }
#pragma unroll
    for (int i = 0; i < 8; ++i)
      v[i] = i >= count ? 0.0f : side.isF32 ? static_cast<const float*>(side.data)[at + i] : widen(static_cast<const bf16*>(side.data)[at + i]);
    store8(to, v);
  }

  // acc[M][N] += the warp's 16·M rows and 8·N columns of a tile, N even. A lane's places of a fragment differ by what can be added to, or
  // where the turn of chunks comes between, combined with the first: the bits that differ are the first's zeros.
  template <int LeftWidth, int RightWidth, bool LeftAlong, bool RightAlong, int M, int N>
  __device__ static void multiply(float (&acc)[M][N][4], const bf16* left, const bf16* right, int row, int column) {
    static_assert(N % 2 == 0 && (M & (M - 1)) == 0 && (N & (N - 1)) == 0);
    const int lane = threadIdx.x % 32, matrix = lane / 8, r = lane % 8;
    const int leftFirst = LeftAlong ? place<LeftWidth>(true, row + lane % 16, lane / 16) : place<LeftWidth>(false, matrix / 2 * 8 + r, row / 8 + matrix % 2);
    const int rightFirst = RightAlong ? place<RightWidth>(true, column + matrix / 2 * 8 + r, matrix % 2)
                                      : place<RightWidth>(false, matrix % 2 * 8 + r, column / 8 + matrix / 2);
#pragma unroll
    for (int k = 0; k < depth; k += 16) {
      std::uint32_t a[M][4];
#pragma unroll
      for (int m = 0; m < M; ++m) {
        if constexpr (LeftAlong) ldmatrixX4(a[m], left + ((leftFirst ^ k) + 16 * m * depth));
        else ldmatrixX4Trans(a[m], left + ((leftFirst ^ (16 * m)) + k * LeftWidth));
      }
      // Columns sixteen by sixteen, so that few fragments are kept at once.
#pragma unroll
      for (int n = 0; n < N; n += 2) {
        std::uint32_t b[4];
        if constexpr (RightAlong) ldmatrixX4(b, right + ((rightFirst ^ k) + 8 * n * depth));
        else ldmatrixX4Trans(b, right + ((rightFirst ^ (8 * n)) + k * RightWidth));
        const std::uint32_t b0[2] = {b[0], b[1]}, b1[2] = {b[2], b[3]};
#pragma unroll
        for (int m = 0; m < M; ++m) {
          mmaBf16(acc[m][n], a[m], b0);
          mmaBf16(acc[m][n + 1], a[m], b1);
        }
      }
    }
  }
};

// A float32 as the sum of two numbers that TF32 holds: 11 bits and the next 11. Of an infinity the second is NaN, and so are products with it.
__device__ inline void splitTf32(float x, std::uint32_t& high, std::uint32_t& low) {
  high = __float_as_uint(x) & 0xffffe000u;
  low = __float_as_uint(x - __uint_as_float(high));
}

struct F32Tiles {
  using Element = float;
  static constexpr int depth = 16, chunk = 4;
  // Lines are padded: by 4 numbers along depth, by 8 across.
  static constexpr int lineAlong = depth + 4;

  template <int Width>
  static constexpr int elements = Width * lineAlong > depth * (Width + 8) ? Width * lineAlong : depth * (Width + 8);
  template <int Width>
  __device__ static int lineElements(bool alongDepth) {
    return alongDepth ? lineAlong : Width + 8;
  }

  template <int Width>
  __device__ static int place(bool alongDepth, int line, int chunkOfLine) {
    return alongDepth ? line * lineAlong + chunkOfLine * chunk : line * (Width + 8) + chunkOfLine * chunk;
  }

  __device__ static void copySlowly(float* to, const Side& side, std::int64_t at, int count) {
    if (!side.isF32 && side.aligned && count == 4) {
      const uint2 v = *reinterpret_cast<const uint2*>(static_cast<const bf16*>(side.data) + at);
      *reinterpret_cast<float4*>(to) = make_float4(lowOf(v.x), highOf(v.x), lowOf(v.y), highOf(v.y));
      return;
    }
#pragma unroll
    for (int i = 0; i < 4; ++i)
      to[i] = i >= count ? 0.0f : side.isF32 ? static_cast<const float*>(side.data)[at + i] : widen(static_cast<const bf16*>(side.data)[at + i]);
  }

  template <int Width, bool Along>
  __device__ static float at(const float* tile, int width, int k) {
    return tile[Along ? width * lineAlong + k : k * (Width + 8) + width];
  }

  template <int LeftWidth, int RightWidth, bool LeftAlong, bool RightAlong, int M, int N>
  __device__ static void multiply(float (&acc)[M][N][4], const float* left, const float* right, int row, int column) {
    const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int k = 0; k < depth; k += 8) {
      std::uint32_t high[M][4], low[M][4];
#pragma unroll
      for (int m = 0; m < M; ++m)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          splitTf32(at<LeftWidth, LeftAlong>(left, row + 16 * m + g + i % 2 * 8, k + t + i / 2 * 4), high[m][i], low[m][i]);
#pragma unroll
      for (int n = 0; n < N; ++n) {
        std::uint32_t bHigh[2], bLow[2];
#pragma unroll
        for (int i = 0; i < 2; ++i) splitTf32(at<RightWidth, RightAlong>(right, column + 8 * n + g, k + t + i * 4), bHigh[i], bLow[i]);
#pragma unroll
        for (int m = 0; m < M; ++m) {
          float sum[4] = {};
          mmaTf32(sum, low[m], bHigh);
          mmaTf32(sum, high[m], bLow);
          mmaTf32(sum, high[m], bHigh);
          // Tensor cores cut what they add to: over a long sum that would be more than float32 rounds (Ootomo, Yokota, arXiv 2203.03341).
#pragma unroll
          for (int i = 0; i < 4; ++i) acc[m][n][i] += sum[i];
        }
      }
    }
  }
};

constexpr int log2Of(int x) { return x == 1 ? 0 : 1 + log2Of(x / 2); }

// Starts the copy of a tile: `Width` rows (or columns) from `first` of `extent`, depths from `k` of `depthExtent`. A thread's chunks lie in
// one column of chunks, a multiple of eight lines apart, so that their places are turned alike.
template <class Tiles, int Width, int Threads>
__device__ inline void loadTile(typename Tiles::Element* tile, const Side& side, int first, int extent, int k, int depthExtent) {
  using Element = typename Tiles::Element;
  constexpr int chunks = Width * Tiles::depth / Tiles::chunk, alongShift = log2Of(Tiles::depth / Tiles::chunk), acrossShift = log2Of(Width / Tiles::chunk);
  constexpr int rounds = chunks / Threads;
  static_assert(chunks % Threads == 0 && (rounds == 1 || (Threads >> alongShift) % 8 == 0) && (rounds == 1 || (Threads >> acrossShift) % 8 == 0));
  const int shift = side.alongDepth ? alongShift : acrossShift;
  const int line = static_cast<int>(threadIdx.x) >> shift, chunk = static_cast<int>(threadIdx.x) & ((1 << shift) - 1), step = Threads >> shift;
  const int line0 = side.alongDepth ? first : k, lines = side.alongDepth ? extent : depthExtent;
  const int start = (side.alongDepth ? k : first) + chunk * Tiles::chunk, length = side.alongDepth ? depthExtent : extent;
  const int inLine = max(0, min(Tiles::chunk, length - start));
  std::int64_t at = (line0 + line) * side.stride + start;
  Element* to = tile + Tiles::template place<Width>(side.alongDepth, line, chunk);
  const int toStep = step * Tiles::template lineElements<Width>(side.alongDepth);
  const bool fast = side.aligned && side.isF32 == (sizeof(Element) == 4);
#pragma unroll
  for (int i = 0; i < rounds; ++i) {
    const int count = line0 + line + i * step < lines ? inLine : 0;
    if (fast) cpAsync16(to, static_cast<const Element*>(side.data) + (count == 0 ? 0 : at), count * static_cast<int>(sizeof(Element)));
    else Tiles::copySlowly(to, side, at, count);
    at += step * side.stride;
    to += toStep;
  }
}

}  // namespace qt::cuda
