#include "magnitude.hpp"

#include "../platform.cuh"

namespace qt::cuda {
namespace {

constexpr int threads = 256;

unsigned blocksFor(std::int64_t count) { return static_cast<unsigned>((count + threads - 1) / threads); }

// A warp for a row; lanes are added in a fixed order.
__global__ void __launch_bounds__(threads) squaresKernel(const float* x, float* squares, std::int64_t rows, std::int64_t columns) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * (threads / 32) + threadIdx.x / 32;
  if (row >= rows) return;
  double sum = 0;
  for (std::int64_t c = threadIdx.x % 32; c < columns; c += 32) {
    const double value = x[row * columns + c];
    sum += value * value;
  }
  for (int by = 16; by > 0; by /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, by);
  if (threadIdx.x % 32 == 0) squares[row] = static_cast<float>(sum);
}

__global__ void __launch_bounds__(threads) normsKernel(const __grid_constant__ AdaptedRows a, float* norms) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (row >= a.outputs) return;
  double sum = a.squares[row];
  for (std::int64_t i = 0; i < a.rank; ++i) {
    double through = 0;  // of B·(A·Aᵀ)
    for (std::int64_t j = 0; j < a.rank; ++j) through += static_cast<double>(a.b[row * a.rank + j]) * a.gram[j * a.rank + i];
    sum += a.b[row * a.rank + i] * (2.0 * a.scale * a.cross[i * a.outputs + row] + static_cast<double>(a.scale) * a.scale * through);
  }
  norms[row] = static_cast<float>(sum > 0 ? sqrt(sum) : 0.0);
}

__global__ void __launch_bounds__(threads) scalesKernel(float* norms, const float* magnitude, std::int64_t count) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (i < count) norms[i] = norms[i] > 0 ? __fdiv_rn(magnitude[i], norms[i]) : 0.0f;
}

__global__ void __launch_bounds__(threads) gradientKernel(const float* sums, const float* magnitude, float* gradient, std::int64_t count) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (i < count && magnitude[i] != 0) gradient[i] += __fdiv_rn(sums[i], magnitude[i]);
}

}  // namespace

Status rowSquares(const float* x, float* squares, std::int64_t rows, std::int64_t columns, Stream stream) {
  if (rows <= 0) return Status::Ok;
  return launch(squaresKernel, static_cast<unsigned>((rows + threads / 32 - 1) / (threads / 32)), threads, 0, stream, x, squares, rows, columns);
}

Status adaptedNorms(const AdaptedRows& a, float* norms, Stream stream) {
  return a.outputs <= 0 ? Status::Ok : launch(normsKernel, blocksFor(a.outputs), threads, 0, stream, a, norms);
}

Status normsToScales(float* norms, const float* magnitude, std::int64_t count, Stream stream) {
  return count <= 0 ? Status::Ok : launch(scalesKernel, blocksFor(count), threads, 0, stream, norms, magnitude, count);
}

Status magnitudeGradient(const float* sums, const float* magnitude, float* gradient, std::int64_t count, Stream stream) {
  return count <= 0 ? Status::Ok : launch(gradientKernel, blocksFor(count), threads, 0, stream, sums, magnitude, gradient, count);
}

}  // namespace qt::cuda
