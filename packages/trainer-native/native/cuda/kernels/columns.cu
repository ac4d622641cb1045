// A block takes up to 256 columns of one stretch of rows, eight columns to a thread in 16-byte accesses; its threads' sums meet in shared
// memory, the stretches' in a second kernel.
#include <algorithm>

#include "columns.hpp"
#include "norm.hpp"
#include "rows.cuh"

namespace qt::cuda {
namespace {

constexpr int threads = 256;

constexpr std::int64_t shortestStretch = 64, mostStretches = 512;
std::int64_t stretchOf(std::int64_t rows) { return std::max(shortestStretch, (rows + mostStretches - 1) / mostStretches); }

// What is summed, and what else is written, of V columns of a row.
template <class T>
struct Plain {
  const T* x;
  template <int V>
  __device__ void operator()(std::int64_t row, std::int64_t column, std::int64_t columns, float (&sum)[V]) const {
    float v[V];
    take(x + row * columns + column, v);
#pragma unroll
    for (int i = 0; i < V; ++i) sum[i] += v[i];
  }
};
template <class T>
struct NormWeight {
  const T *x, *dy;
  const float* inverse;
  const std::int32_t* index;
  template <int V>
  __device__ void operator()(std::int64_t row, std::int64_t column, std::int64_t columns, float (&sum)[V]) const {
    float v[V], g[V];
    take(x + (index == nullptr ? row : index[row]) * columns + column, v);
    take(dy + row * columns + column, g);
#pragma unroll
    for (int i = 0; i < V; ++i) sum[i] += v[i] * g[i] * inverse[row];
  }
};
template <class T, class D>
struct Scale {
  const D* dy;
  const T* y;
  const float *bias, *columnScale;
  T* dz;
  template <int V>
  __device__ void operator()(std::int64_t row, std::int64_t column, std::int64_t columns, float (&sum)[V]) const {
    float g[V], v[V], shift[V] = {}, scale[V];
    const std::int64_t at = row * columns + column;
    take(dy + at, g);
    take(y + at, v);
    take(columnScale + column, scale);
    if (bias != nullptr) take(bias + column, shift);
#pragma unroll
    for (int i = 0; i < V; ++i) {
      sum[i] += g[i] * (v[i] - shift[i]);
      g[i] *= scale[i];
    }
    give(dz + at, g);
  }
};

// partial[stretch, column]; `across` threads lie side by side in a row of columns.
template <class What, int V>
__global__ void __launch_bounds__(threads) stretchKernel(What what, float* partial, std::int64_t rows, std::int64_t columns, std::int64_t stretch, int across) {
  auto* meeting = dynamicShared<float>();  // [threads/across, across·V]
  const int x = threadIdx.x % across, y = threadIdx.x / across, down = threads / across;
  const std::int64_t column = (static_cast<std::int64_t>(blockIdx.x) * across + x) * V;
  const std::int64_t begin = blockIdx.y * stretch, end = begin + stretch < rows ? begin + stretch : rows;
  float sum[V] = {};
  if (column < columns)
    for (std::int64_t r = begin + y; r < end; r += down) what(r, column, columns, sum);
#pragma unroll
  for (int i = 0; i < V; ++i) meeting[(y * across + x) * V + i] = sum[i];
  __syncthreads();
  const int wide = across * V;
  for (int c = threadIdx.x; c < wide; c += threads) {
    float all = 0.0f;
    for (int r = 0; r < down; ++r) all += meeting[r * wide + c];
    const std::int64_t to = static_cast<std::int64_t>(blockIdx.x) * wide + c;
    if (to < columns) partial[blockIdx.y * columns + to] = all;
  }
}

__global__ void __launch_bounds__(threads) gatherKernel(const float* partial, float* sums, std::int64_t stretches, std::int64_t columns) {
  auto* meeting = dynamicShared<float>();  // [8, 32]
  const int x = threadIdx.x % 32, y = threadIdx.x / 32;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * 32 + x;
  float sum = 0.0f;
  if (column < columns)
    for (std::int64_t s = y; s < stretches; s += 8) sum += partial[s * columns + column];
  meeting[y * 32 + x] = sum;
  __syncthreads();
  if (y != 0 || column >= columns) return;
  for (int r = 1; r < 8; ++r) sum += meeting[r * 32 + x];
  sums[column] += sum;
}

template <class What>
Status sumRows(const What& what, bool packed, float* sums, std::int64_t rows, std::int64_t columns, float* scratch, Stream stream) {
  if (columns <= 0) return Status::BadShape;
  if (rows == 0) return Status::Ok;
  const std::int64_t stretch = stretchOf(rows), stretches = (rows + stretch - 1) / stretch;
  const int v = packed ? 8 : 1;
  int across = 1;
  while (across < 32 && static_cast<std::int64_t>(across) * v < columns) across *= 2;
  const dim3 grid(static_cast<unsigned>((columns + across * v - 1) / (across * v)), static_cast<unsigned>(stretches));
  const auto kernel = packed ? stretchKernel<What, 8> : stretchKernel<What, 1>;
  const Status status = launch(kernel, grid, dim3(threads), threads * v * sizeof(float), stream, what, scratch, rows, columns, stretch, across);
  if (status != Status::Ok) return status;
  return launch(gatherKernel, dim3(static_cast<unsigned>((columns + 31) / 32)), dim3(threads), threads * sizeof(float), stream, scratch, sums, stretches, columns);
}

}  // namespace

std::int64_t columnScratch(std::int64_t rows, std::int64_t columns) { return (rows + stretchOf(rows) - 1) / stretchOf(rows) * columns; }
std::int64_t mostColumnScratch(std::int64_t rows, std::int64_t columns) {
  return std::min(mostStretches, (rows + shortestStretch - 1) / shortestStretch) * columns;
}

Status columnSums(const void* x, DType type, float* sums, std::int64_t rows, std::int64_t columns, float* scratch, Stream stream) {
  return byType(type, [&]<class T>() { return sumRows(Plain<T>{static_cast<const T*>(x)}, columns % 8 == 0 && aligned(x), sums, rows, columns, scratch, stream); });
}

Status rmsNormWeightGrad(const void* x, DType type, const float* inverse, const void* dy, float* dWeight, std::int64_t rows, std::int64_t columns,
                         const std::int32_t* index, float* scratch, Stream stream) {
  return byType(type, [&]<class T>() {
    return sumRows(NormWeight<T>{static_cast<const T*>(x), static_cast<const T*>(dy), inverse, index}, columns % 8 == 0 && aligned(x, dy), dWeight, rows, columns, scratch, stream);
  });
}

Status scaleBackward(const void* dy, DType dyType, const void* y, DType type, const float* bias, const float* columnScale, void* dz, float* sum, std::int64_t rows,
                     std::int64_t columns, float* scratch, Stream stream) {
  const bool packed = columns % 8 == 0 && aligned(dy, y, bias, columnScale, dz);
  return byType(type, [&]<class T>() {
    return byType(dyType, [&]<class D>() {
      return sumRows(Scale<T, D>{static_cast<const D*>(dy), static_cast<const T*>(y), bias, columnScale, static_cast<T*>(dz)}, packed, sum, rows, columns, scratch, stream);
    });
  });
}

}  // namespace qt::cuda
