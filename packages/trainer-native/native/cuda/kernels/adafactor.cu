//   ρ = t^−0.8    R ← R + ρ(mean_columns g² − R)    C ← C + ρ(mean_rows g² − C)    v = R·Cᵀ/mean(R)
//   u = g/√v    p ← p − η·λ·p − max(10⁻³, rms(p))·min(η, 1/√t)·u/max(1, rms(u))
// Sums are taken in float64 and in one order; what they decide stays on the device.
#include "adafactor.hpp"

#include <algorithm>
#include <cmath>

#include "sums.cuh"

namespace qt::cuda {
namespace {

constexpr float smallest = 1.1920928955078125e-07f;  // of float32, after 1
constexpr int columnsOfBlock = 32, rowsAtOnce = sumThreads / columnsOfBlock;

struct Numbers {
  float inverseMean;  // of the rows' mean squares
  float rate;
};

// What a step needs of its tensor.
struct Tensor {
  float* parameter;
  const float* gradient;
  float* squares;
  float* columnSquares;  // null: squares are of all numbers
  std::int64_t columns, count;
  const GradientNorm* norm;
  Numbers* numbers;
};

__global__ void __launch_bounds__(sumThreads) gatherRows(Tensor t, float towards) {
  const float* row = t.gradient + blockIdx.x * t.columns;
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < t.columns; i += sumThreads) sum += static_cast<double>(row[i]) * row[i];
  sum = overBlock(sum, dynamicShared<double>());
  if (threadIdx.x != 0 || stopped(t.norm)) return;
  const double scale = scaleOf(t.norm);
  float& kept = t.squares[blockIdx.x];
  kept += towards * (static_cast<float>(scale * scale * sum / static_cast<double>(t.columns)) - kept);
}

// 32 columns: every eighth row in a thread, then the eight in order.
__global__ void __launch_bounds__(sumThreads) gatherColumns(Tensor t, float towards) {
  double* shared = dynamicShared<double>();
  const int lane = threadIdx.x % columnsOfBlock, part = threadIdx.x / columnsOfBlock;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * columnsOfBlock + lane, rows = t.count / t.columns;
  double sum = 0;
  for (std::int64_t r = part; r < rows && column < t.columns; r += rowsAtOnce) {
    const double g = t.gradient[r * t.columns + column];
    sum += g * g;
  }
  shared[threadIdx.x] = sum;
  __syncthreads();
  if (part != 0 || column >= t.columns || stopped(t.norm)) return;
  for (int i = 1; i < rowsAtOnce; ++i) sum += shared[i * columnsOfBlock + lane];
  const double scale = scaleOf(t.norm);
  float& kept = t.columnSquares[column];
  kept += towards * (static_cast<float>(scale * scale * sum / static_cast<double>(rows)) - kept);
}

__global__ void __launch_bounds__(sumThreads) gatherNumbers(Tensor t, float towards) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * sumThreads + threadIdx.x;
  if (i >= t.count || stopped(t.norm)) return;
  const float g = scaleOf(t.norm) * t.gradient[i];
  t.squares[i] += towards * (g * g - t.squares[i]);
}

__global__ void __launch_bounds__(sumThreads) meanOfRows(Tensor t) {
  const std::int64_t rows = t.count / t.columns;
  const double sum = sumOfAll(t.squares, rows);
  if (threadIdx.x == 0) t.numbers->inverseMean = static_cast<float>(1.0 / fmax(sum / static_cast<double>(rows), static_cast<double>(smallest)));
}

__device__ inline float change(const Tensor& t, std::int64_t i) {
  // Divided as 32 bits, which a thread does in its own registers.
  const auto at = static_cast<std::uint32_t>(i), columns = static_cast<std::uint32_t>(t.columns);
  const float v = t.columnSquares == nullptr ? t.squares[i] : t.squares[at / columns] * t.columnSquares[at % columns] * t.numbers->inverseMean;
  return scaleOf(t.norm) * t.gradient[i] / __fsqrt_rn(fmaxf(v, smallest * smallest));
}

__global__ void __launch_bounds__(sumThreads) sumChanges(Tensor t, double* partials) {
  sumOfChunk(t.count, partials, [&](std::int64_t i) {
    const double u = change(t, i);
    return u * u;
  });
}

__global__ void __launch_bounds__(sumThreads) chooseRate(Tensor t, const double* partials, std::int64_t chunks, const double* length, double most) {
  const double changed = sumOfAll(partials, chunks);
  if (threadIdx.x != 0) return;
  const double root = sqrt(static_cast<double>(t.count));
  t.numbers->rate = static_cast<float>(fmax(1e-3, sqrt(*length) / root) * most / fmax(1.0, sqrt(changed) / root));
}

__global__ void __launch_bounds__(sumThreads) stepKernel(Tensor t, float keep) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * sumThreads + threadIdx.x;
  if (i < t.count && !stopped(t.norm)) t.parameter[i] = t.parameter[i] * keep - t.numbers->rate * change(t, i);
}

}  // namespace

// The numbers, the length of the parameters, and two arrays of partial sums.
std::size_t adafactorWorkspace(std::int64_t rows, std::int64_t columns) { return 16 + 2 * squaresWorkspace(rows * columns); }

Status adafactor(float* parameter, const float* gradient, float* squares, float* columnSquares, std::int64_t rows, std::int64_t columns, float learningRate,
                 float weightDecay, std::int64_t step, const GradientNorm* norm, void* workspace, Stream stream) {
  const std::int64_t count = rows * columns, chunks = chunksOf(count);
  if (count == 0) return Status::Ok;
  const bool matrix = rows > 1 && columns > 1;
  if ((matrix && columnSquares == nullptr) || count > 0xffffffffll) return Status::BadShape;
  auto* doubles = static_cast<double*>(workspace);
  double *length = doubles + 1, *ofParameters = doubles + 2, *ofChanges = ofParameters + chunks;
  const Tensor t{parameter, gradient, squares, matrix ? columnSquares : nullptr, columns, count, norm, static_cast<Numbers*>(workspace)};
  const auto towards = static_cast<float>(std::pow(static_cast<double>(step), -0.8));
  const auto over = [](std::int64_t n) { return static_cast<unsigned>((n + sumThreads - 1) / sumThreads); };
  Status status = Status::Ok;
  const auto then = [&](Status next) {
    if (status == Status::Ok) status = next;
  };
  if (matrix) {
    then(launch(gatherRows, static_cast<unsigned>(rows), sumThreads, sumSharedBytes, stream, t, towards));
    then(launch(gatherColumns, static_cast<unsigned>((columns + columnsOfBlock - 1) / columnsOfBlock), sumThreads, sizeof(double) * sumThreads, stream, t, towards));
    then(launch(meanOfRows, 1, sumThreads, sumSharedBytes, stream, t));
  } else {
    then(launch(gatherNumbers, over(count), sumThreads, 0, stream, t, towards));
  }
  then(sumOfSquares(parameter, count, ofParameters, length, stream));
  then(launch(sumChanges, static_cast<unsigned>(chunks), sumThreads, sumSharedBytes, stream, t, ofChanges));
  const double most = std::min(static_cast<double>(learningRate), 1.0 / std::sqrt(static_cast<double>(step)));
  then(launch(chooseRate, 1, sumThreads, sumSharedBytes, stream, t, ofChanges, chunks, length, most));
  then(launch(stepKernel, over(count), sumThreads, 0, stream, t, 1.0f - learningRate * weightDecay));
  return status;
}

}  // namespace qt::cuda
