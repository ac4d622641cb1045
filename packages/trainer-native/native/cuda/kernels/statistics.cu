#include "statistics.hpp"

#include "rows.cuh"

namespace qt::cuda {
namespace {

constexpr int threads = 64, cosineThreads = 128;  // few to a block: there are no more columns than a model is wide

__global__ void __launch_bounds__(threads) sumRowsKernel(const float* x, std::int64_t rows, std::int64_t columns, bool squares, double* sums) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (c >= columns) return;
  double sum = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    const double value = x[row * columns + c];
    sum = __dadd_rn(sum, squares ? __dmul_rn(value, value) : value);
  }
  sums[c] = sum;
}

__global__ void __launch_bounds__(cosineThreads) cosinesKernel(const float* a, const float* b, std::int64_t columns, double* out) {
  auto* scratch = dynamicShared<double>();
  const float *first = a + blockIdx.x * columns, *second = b + blockIdx.x * columns;
  double product = 0, squareA = 0, squareB = 0;
  for (std::int64_t c = threadIdx.x; c < columns; c += cosineThreads) {
    const double p = first[c], q = second[c];
    product += p * q;
    squareA += p * p;
    squareB += q * q;
  }
  product = sumOverBlock(product, scratch, cosineThreads / 32);
  squareA = sumOverBlock(squareA, scratch, cosineThreads / 32);
  squareB = sumOverBlock(squareB, scratch, cosineThreads / 32);
  if (threadIdx.x == 0) out[blockIdx.x] = squareA > 0 && squareB > 0 ? product / sqrt(squareA * squareB) : 1.0;
}

}  // namespace

Status sumRows(const float* x, std::int64_t rows, std::int64_t columns, bool squares, double* sums, Stream stream) {
  if (columns == 0) return Status::Ok;
  return launch(sumRowsKernel, dim3(static_cast<unsigned>((columns + threads - 1) / threads)), dim3(threads), 0, stream, x, rows, columns, squares, sums);
}

Status cosines(const float* a, const float* b, std::int64_t rows, std::int64_t columns, double* out, Stream stream) {
  if (rows == 0) return Status::Ok;
  return launch(cosinesKernel, dim3(static_cast<unsigned>(rows)), dim3(cosineThreads), cosineThreads / 32 * sizeof(double), stream, a, b, columns, out);
}

}  // namespace qt::cuda
