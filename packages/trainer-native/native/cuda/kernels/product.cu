// A block makes one tile of the output. The depths of all its terms are one sequence of steps, a tile of both sides each, which cp.async
// brings some steps ahead; so a base product and its adapter's are one sum, and are rounded once. Where a product has few tiles and a long
// sum (an adapter's gradient: 16 rows, all tokens), blocks share the sum out in pieces fixed by the shape, and a second kernel adds them in
// order. What does not lie as 16-byte copies want it, or is float32 where bfloat16 is multiplied, goes through registers.
#include "product.hpp"

#include <algorithm>

#include <qt/blocks/types.hpp>

#include "product_tiles.cuh"

namespace qt::cuda {
namespace {

struct Term {
  Side left, right;
  int depth;
};

// Product without what tiles do not ask for.
struct Work {
  Term terms[maxTerms];
  int termCount, rows, columns, steps, stepsOfSplit;
  void* out;
  std::int64_t outStride;
  bool outF32, outTransposed, accumulate, residualF32, pairs;
  float scale;
  const float* columnScale;
  void* branch;
  const float* bias;
  const void* residual;
  float* partial;  // [splits, rows, columns], or null
};

// A place in the sequence of steps.
struct Cursor {
  int term = 0, k = 0;
  template <class Tiles>
  __device__ void advance(const Work& w) {
    k += Tiles::depth;
    if (k >= w.terms[term].depth) {
      ++term;
      k = 0;
    }
  }
};
template <class Tiles>
__device__ Cursor cursorAt(const Work& w, int step) {
  Cursor c;
  for (; c.term < w.termCount; ++c.term) {
    const int steps = (w.terms[c.term].depth + Tiles::depth - 1) / Tiles::depth;
    if (step < steps) break;
    step -= steps;
  }
  c.k = step * Tiles::depth;
  return c;
}

__device__ inline float read(const void* p, bool f32, std::int64_t at) {
  return f32 ? static_cast<const float*>(p)[at] : widen(static_cast<const bf16*>(p)[at]);
}
__device__ inline void write(void* p, bool f32, std::int64_t at, float v) {
  if (f32) static_cast<float*>(p)[at] = v;
  else static_cast<bf16*>(p)[at] = narrow(v);
}

// What becomes of a sum.
__device__ inline void finishOne(const Work& w, int row, int column, float sum) {
  const std::int64_t at = w.outTransposed ? column * w.outStride + row : row * w.outStride + column;
  float v = sum * w.scale;
  if (w.columnScale != nullptr) v *= w.columnScale[column];
  if (w.branch != nullptr) write(w.branch, w.outF32, at, v);
  if (w.bias != nullptr) v += w.bias[column];
  if (w.residual != nullptr) v += read(w.residual, w.residualF32, at);
  if (w.accumulate) v += read(w.out, w.outF32, at);
  write(w.out, w.outF32, at, v);
}

__device__ inline float2 readPair(const void* p, bool f32, std::int64_t at) {
  if (f32) return *reinterpret_cast<const float2*>(static_cast<const float*>(p) + at);
  const std::uint32_t pair = *reinterpret_cast<const std::uint32_t*>(static_cast<const bf16*>(p) + at);
  return make_float2(lowOf(pair), highOf(pair));
}
__device__ inline void writePair(void* p, bool f32, std::int64_t at, float2 v) {
  if (f32) *reinterpret_cast<float2*>(static_cast<float*>(p) + at) = v;
  else *reinterpret_cast<std::uint32_t*>(static_cast<bf16*>(p) + at) = packBf16(v.x, v.y);
}

// The same for two columns that lie side by side.
__device__ inline void finishPair(const Work& w, int row, int column, float first, float second) {
  const std::int64_t at = row * w.outStride + column;
  float2 v = make_float2(first * w.scale, second * w.scale);
  if (w.columnScale != nullptr) {
    v.x *= w.columnScale[column];
    v.y *= w.columnScale[column + 1];
  }
  if (w.branch != nullptr) writePair(w.branch, w.outF32, at, v);
  if (w.bias != nullptr) {
    v.x += w.bias[column];
    v.y += w.bias[column + 1];
  }
  if (w.residual != nullptr) {
    const float2 r = readPair(w.residual, w.residualF32, at);
    v.x += r.x;
    v.y += r.y;
  }
  if (w.accumulate) {
    const float2 o = readPair(w.out, w.outF32, at);
    v.x += o.x;
    v.y += o.y;
  }
  writePair(w.out, w.outF32, at, v);
}

template <class TilesOf, int TileRows, int TileColumns, int WarpsAlong, int WarpsAcross, int Stages>
struct Shape {
  using Tiles = TilesOf;
  static constexpr int tileRows = TileRows, tileColumns = TileColumns, stages = Stages, warpsAcross = WarpsAcross;
  static constexpr int threads = 32 * WarpsAlong * WarpsAcross;
  static constexpr int warpRows = TileRows / WarpsAlong, warpColumns = TileColumns / WarpsAcross;
  static constexpr int leftElements = Tiles::template elements<TileRows>, rightElements = Tiles::template elements<TileColumns>;
  static constexpr int blocks = warpRows * warpColumns > 2048 ? 2 : 3;  // of a multiprocessor, whose registers they share
  static constexpr std::size_t sharedBytes = sizeof(typename Tiles::Element) * Stages * (leftElements + rightElements);
};

// 48 KB of shared memory and 255 registers: two blocks of 4 warps on a multiprocessor. A warp makes 64 × 64 numbers, for which it reads 8
// fragments for 32 multiplications; with 64 × 32 shared memory, which is also written, would take longer than those.
using Large = Shape<Bf16Tiles, 128, 128, 2, 2, 3>;
using Medium = Shape<Bf16Tiles, 64, 64, 2, 2, 4>;   // where large tiles would leave multiprocessors idle
using Narrow = Shape<Bf16Tiles, 128, 32, 4, 1, 4>;  // down to an adapter's rank
using Flat = Shape<Bf16Tiles, 32, 128, 1, 4, 4>;    // gradients of an adapter
using Exact = Shape<F32Tiles, 64, 64, 2, 2, 4>;

constexpr int groupRows = 16;

template <class S>
__global__ void __launch_bounds__(S::threads, S::blocks) productKernel(const __grid_constant__ Work w) {
  using Tiles = typename S::Tiles;
  using Element = typename Tiles::Element;
  Element* shared = dynamicShared<Element>();
  const auto leftOf = [&](int stage) { return shared + stage * (S::leftElements + S::rightElements); };
  const auto rightOf = [&](int stage) { return leftOf(stage) + S::leftElements; };
  // Blocks that run together make a square of tiles, so that the second-level cache holds what they share of both sides.
  const int tilesDown = (w.rows + S::tileRows - 1) / S::tileRows, tilesAcross = (w.columns + S::tileColumns - 1) / S::tileColumns;
  const int inGroup = static_cast<int>(blockIdx.x) % (groupRows * tilesAcross), firstRow = static_cast<int>(blockIdx.x) / (groupRows * tilesAcross) * groupRows;
  const int down = min(groupRows, tilesDown - firstRow);
  const int row = (firstRow + inGroup % down) * S::tileRows, column = inGroup / down * S::tileColumns;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int warpRow = warp / S::warpsAcross * S::warpRows, warpColumn = warp % S::warpsAcross * S::warpColumns;
  const int begin = static_cast<int>(blockIdx.y) * w.stepsOfSplit;
  const int steps = min(w.stepsOfSplit, w.steps - begin);

  float acc[S::warpRows / 16][S::warpColumns / 8][4] = {};
  Cursor ahead = cursorAt<Tiles>(w, begin), here = ahead;
  const auto load = [&](int step) {
    if (step < steps) {
      const Term& t = w.terms[ahead.term];
      loadTile<Tiles, S::tileRows, S::threads>(leftOf(step % S::stages), t.left, row, w.rows, ahead.k, t.depth);
      loadTile<Tiles, S::tileColumns, S::threads>(rightOf(step % S::stages), t.right, column, w.columns, ahead.k, t.depth);
      ahead.template advance<Tiles>(w);
    }
    cpAsyncCommit();
  };
  for (int step = 0; step < S::stages - 1; ++step) load(step);
  for (int step = 0; step < steps; ++step) {
    cpAsyncWait<S::stages - 2>();
    __syncthreads();
    load(step + S::stages - 1);  // into what all have read before the barrier
    const Term& t = w.terms[here.term];
    const Element *left = leftOf(step % S::stages), *right = rightOf(step % S::stages);
    if (t.left.alongDepth) {
      if (t.right.alongDepth) Tiles::template multiply<S::tileRows, S::tileColumns, true, true>(acc, left, right, warpRow, warpColumn);
      else Tiles::template multiply<S::tileRows, S::tileColumns, true, false>(acc, left, right, warpRow, warpColumn);
    } else {
      if (t.right.alongDepth) Tiles::template multiply<S::tileRows, S::tileColumns, false, true>(acc, left, right, warpRow, warpColumn);
      else Tiles::template multiply<S::tileRows, S::tileColumns, false, false>(acc, left, right, warpRow, warpColumn);
    }
    here.template advance<Tiles>(w);
  }

  float* partial = w.partial == nullptr ? nullptr : w.partial + static_cast<std::int64_t>(blockIdx.y) * w.rows * w.columns;
#pragma unroll
  for (int m = 0; m < S::warpRows / 16; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int r = row + warpRow + 16 * m + 8 * half + lane / 4;
      if (r >= w.rows) continue;
#pragma unroll
      for (int n = 0; n < S::warpColumns / 8; ++n) {
        const int c = column + warpColumn + 8 * n + 2 * (lane % 4);
        const float first = acc[m][n][2 * half], second = acc[m][n][2 * half + 1];
        if (w.pairs && c + 1 < w.columns) {
          finishPair(w, r, c, first, second);
          continue;
        }
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          if (c + i >= w.columns) continue;
          if (partial != nullptr) partial[static_cast<std::int64_t>(r) * w.columns + c + i] = i == 0 ? first : second;
          else finishOne(w, r, c + i, i == 0 ? first : second);
        }
      }
    }
}

__global__ void __launch_bounds__(256) addPartials(const __grid_constant__ Work w, int splits) {
  const std::int64_t count = static_cast<std::int64_t>(w.rows) * w.columns;
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * 256 + threadIdx.x;
  if (i >= count) return;
  float sum = w.partial[i];
  for (int s = 1; s < splits; ++s) sum += w.partial[s * count + i];
  // Neighbouring threads write neighbouring numbers, also where the output is transposed, for that is how the partial sums are read.
  finishOne(w, static_cast<int>(i / w.columns), static_cast<int>(i % w.columns), sum);
}

enum class Kind { Large, Medium, Narrow, Flat, Exact };

struct Plan {
  Kind kind;
  int tileRows, tileColumns, depth, steps, splits, stepsOfSplit;
};

constexpr std::int64_t fewTiles = 96;  // fewer do not fill a large device
constexpr int leastSteps = 16;         // of a piece of a sum that is shared out

// Sums of fewer than fewTiles tiles are shared out, to at most twice as many blocks and one more for each tile; large tiles are not that few.
template <class S>
constexpr std::size_t mostPartials = 3 * fewTiles * S::tileRows * S::tileColumns * sizeof(float);
static_assert(std::max({mostPartials<Medium>, mostPartials<Narrow>, mostPartials<Flat>, mostPartials<Exact>}) == mostProductWorkspace);

std::int64_t tilesOf(const Product& p, int rows, int columns) {
  return static_cast<std::int64_t>((p.rows + rows - 1) / rows) * ((p.columns + columns - 1) / columns);
}

template <class S>
Plan planOf(const Product& p, Kind kind) {
  Plan plan{kind, S::tileRows, S::tileColumns, S::Tiles::depth, 0, 1, 0};
  for (int t = 0; t < p.termCount; ++t) plan.steps += (p.terms[t].depth + plan.depth - 1) / plan.depth;
  const std::int64_t tiles = tilesOf(p, plan.tileRows, plan.tileColumns);
  if (tiles < fewTiles) {
    const std::int64_t wanted = (2 * fewTiles + tiles - 1) / tiles, most = plan.steps / leastSteps;
    plan.splits = static_cast<int>(wanted < most ? wanted : most);
    if (plan.splits < 1) plan.splits = 1;
  }
  plan.stepsOfSplit = (plan.steps + plan.splits - 1) / plan.splits;
  plan.splits = plan.stepsOfSplit == 0 ? 1 : (plan.steps + plan.stepsOfSplit - 1) / plan.stepsOfSplit;
  return plan;
}

Plan choose(const Product& p, Precision precision) {
  if (precision == Precision::F32) return planOf<Exact>(p, Kind::Exact);
  if (p.columns <= Narrow::tileColumns) return planOf<Narrow>(p, Kind::Narrow);
  if (p.rows <= Flat::tileRows) return planOf<Flat>(p, Kind::Flat);
  if (tilesOf(p, Large::tileRows, Large::tileColumns) < fewTiles) return planOf<Medium>(p, Kind::Medium);
  return planOf<Large>(p, Kind::Large);
}

bool sideOf(const MatrixView& m, bool alongDepth, Side& side) {
  if (m.type != TensorType::F32 && m.type != TensorType::BF16) return false;
  const bool isF32 = m.type == TensorType::F32;
  side = {m.data, static_cast<std::int64_t>(m.rowBytes / (isF32 ? 4 : 2)), isF32, alongDepth,
          m.rowBytes % 16 == 0 && reinterpret_cast<std::uintptr_t>(m.data) % 16 == 0};
  return true;
}

bool alignedPairs(const void* p, DType type) { return reinterpret_cast<std::uintptr_t>(p) % (2 * bytesOf(type)) == 0; }

template <class S>
Status launchTiles(const Work& w, const Plan& plan, Stream stream) {
  const dim3 grid(static_cast<unsigned>((w.rows + S::tileRows - 1) / S::tileRows * ((w.columns + S::tileColumns - 1) / S::tileColumns)), plan.splits);
  const Status status = launch(productKernel<S>, grid, S::threads, S::sharedBytes, stream, w);
  if (status != Status::Ok || plan.splits == 1) return status;
  const std::int64_t count = static_cast<std::int64_t>(w.rows) * w.columns;
  return launch(addPartials, static_cast<unsigned>((count + 255) / 256), 256, 0, stream, w, plan.splits);
}

}  // namespace

std::size_t productWorkspace(const Product& p, Precision precision) {
  const Plan plan = choose(p, precision);
  return plan.splits == 1 ? 0 : sizeof(float) * plan.splits * static_cast<std::size_t>(p.rows) * static_cast<std::size_t>(p.columns);
}

Status product(const Product& p, Precision precision, void* workspace, Stream stream) {
  if (p.rows <= 0 || p.columns <= 0) return Status::Ok;
  const Plan plan = choose(p, precision);
  if ((plan.splits > 1 && workspace == nullptr) || p.termCount > maxTerms) return Status::BadShape;
  Work w{};
  for (int t = 0; t < p.termCount; ++t) {
    if (p.terms[t].depth <= 0) continue;
    Term& to = w.terms[w.termCount++];
    to.depth = p.terms[t].depth;
    if (p.terms[t].packedLeft != nullptr || !sideOf(p.terms[t].left, !p.terms[t].leftTransposed, to.left) ||
        !sideOf(p.terms[t].right, p.terms[t].rightTransposed, to.right))
      return Status::BadShape;
  }
  w.rows = p.rows;
  w.columns = p.columns;
  w.steps = plan.steps;
  w.stepsOfSplit = plan.stepsOfSplit;
  w.out = p.out;
  w.outStride = p.outStride;
  w.outF32 = p.outType == DType::F32;
  w.outTransposed = p.outTransposed;
  w.accumulate = p.accumulate;
  w.scale = p.scale;
  w.columnScale = p.columnScale;
  w.branch = p.branch;
  w.bias = p.bias;
  w.residual = p.residual;
  w.residualF32 = p.residualType == DType::F32;
  w.partial = plan.splits > 1 ? static_cast<float*>(workspace) : nullptr;
  w.pairs = plan.splits == 1 && !p.outTransposed && p.outStride % 2 == 0 && alignedPairs(p.out, p.outType) && alignedPairs(p.branch, p.outType) &&
            alignedPairs(p.residual, p.residualType);
  switch (plan.kind) {
    case Kind::Large: return launchTiles<Large>(w, plan, stream);
    case Kind::Medium: return launchTiles<Medium>(w, plan, stream);
    case Kind::Narrow: return launchTiles<Narrow>(w, plan, stream);
    case Kind::Flat: return launchTiles<Flat>(w, plan, stream);
    default: return launchTiles<Exact>(w, plan, stream);
  }
}

}  // namespace qt::cuda
