#include "applied.hpp"

#include "rows.cuh"

namespace qt::cuda {
namespace {

constexpr int threads = 256;

dim3 blocksFor(std::int64_t count) { return dim3(static_cast<unsigned>((count + threads - 1) / threads)); }
__device__ inline std::int64_t own() { return static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x; }

__global__ void __launch_bounds__(threads) addScaledKernel(float* out, const float* x, float scale, bool accumulate, std::int64_t count) {
  const std::int64_t i = own();
  if (i < count) out[i] = accumulate ? __fmaf_rn(scale, x[i], out[i]) : scale * x[i];
}

__global__ void __launch_bounds__(threads) addBiasKernel(float* x, const float* bias, std::int64_t count, std::int64_t columns) {
  const std::int64_t i = own();
  if (i < count) x[i] += bias[i % columns];
}

__global__ void __launch_bounds__(threads) addStretchedKernel(float* out, const float* plain, const float* added, const float* c, std::int64_t count, std::int64_t columns) {
  const std::int64_t i = own();
  if (i >= count) return;
  const float stretch = c[i % columns];
  out[i] += (stretch - 1.0f) * plain[i] + stretch * added[i];
}

}  // namespace

Status addScaled(float* out, const float* x, float scale, bool accumulate, std::int64_t count, Stream stream) {
  if (count == 0) return Status::Ok;
  return launch(addScaledKernel, blocksFor(count), dim3(threads), 0, stream, out, x, scale, accumulate, count);
}

Status addBias(float* x, const float* bias, std::int64_t rows, std::int64_t columns, Stream stream) {
  if (rows * columns == 0) return Status::Ok;
  return launch(addBiasKernel, blocksFor(rows * columns), dim3(threads), 0, stream, x, bias, rows * columns, columns);
}

Status addStretched(float* out, const float* plain, const float* added, const float* c, std::int64_t rows, std::int64_t columns, Stream stream) {
  if (rows * columns == 0) return Status::Ok;
  return launch(addStretchedKernel, blocksFor(rows * columns), dim3(threads), 0, stream, out, plain, added, c, rows * columns, columns);
}

}  // namespace qt::cuda
