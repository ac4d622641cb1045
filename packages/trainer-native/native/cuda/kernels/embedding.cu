#include "embedding.hpp"

#include <algorithm>
#include <numeric>

#include "blocks.cuh"
#include "philox.hpp"

namespace qt::cuda {
namespace {

constexpr int threads = 128;
constexpr int together = 4;  // rows in flight while a sum is taken in order

template <class Stored, int Size, class Out>
__global__ void __launch_bounds__(threads) embedKernel(const Stored* table, std::int64_t storedOfRow, const std::int32_t* ids, std::int64_t columns,
                                                       float scale, EmbeddingNoise noise, Out* out, bool aligned) {
  const std::int64_t token = blockIdx.x;
  const Stored* row = table + ids[token] * storedOfRow;
  const double size = noise.alpha > 0 ? noise.alpha / sqrt(static_cast<double>(noise.lengths[token]) * static_cast<double>(columns)) : 0.0;
  for (std::int64_t g = threadIdx.x; 8 * g < columns; g += threads) {
    float v[8];
    eightOfRow<Stored, Size>(row, g, columns, v);
    // Product and sum are rounded apart, as on the CPU.
#pragma unroll
    for (int j = 0; j < 8; ++j) v[j] = __fmul_rn(v[j], scale);
    if (noise.alpha > 0) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        std::uint32_t word[4];
        philox(static_cast<std::uint64_t>(2 * g + half), noise.step, noise.purpose, noise.seed ^ (static_cast<std::uint64_t>(token) << 32), word);
#pragma unroll
        for (int j = 0; j < 4; ++j) v[4 * half + j] = __fadd_rn(v[4 * half + j], static_cast<float>(size * (word[j] / 2147483648.0 - 1.0)));
      }
    }
    Out* to = out + token * columns + 8 * g;
    if (aligned) store8(to, v);
    else
      for (int j = 0; j < 8 && 8 * g + j < columns; ++j) store(to + j, v[j]);
  }
}

__global__ void __launch_bounds__(threads) embeddingGradientKernel(const float* dx, const std::int32_t* ids, const std::int32_t* order,
                                                                   const std::int32_t* begins, std::int64_t columns, float scale, float* gradient) {
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.y) * threads + threadIdx.x;
  if (column >= columns) return;
  const int begin = begins[blockIdx.x], end = begins[blockIdx.x + 1];
  float& to = gradient[ids[order[begin]] * columns + column];
  float sum = to;
  for (int i = begin; i < end; i += together) {
    float v[together];
#pragma unroll
    for (int j = 0; j < together; ++j) v[j] = i + j < end ? dx[order[i + j] * columns + column] : 0.0f;
#pragma unroll
    for (int j = 0; j < together; ++j) sum += v[j] * scale;
  }
  to = sum;
}

}  // namespace

Status embed(const MatrixView& table, const std::int32_t* ids, std::int64_t tokens, float scale, const EmbeddingNoise& noise, DType type, void* out,
             Stream stream) {
  if (tokens <= 0 || table.columns <= 0) return Status::Ok;
  if (table.rowBytes == 0 || table.rowBytes != rowBytes(table.type, static_cast<std::size_t>(table.columns)) ||
      reinterpret_cast<std::uintptr_t>(table.data) % 16 != 0 || (noise.alpha > 0 && noise.lengths == nullptr))
    return Status::BadShape;
  const bool aligned = table.columns % 8 == 0 && reinterpret_cast<std::uintptr_t>(out) % 16 == 0;
  Status status = Status::BadShape;
  withStored(table.type, [&](auto* how, auto size) {
    using Stored = std::remove_const_t<std::remove_pointer_t<decltype(how)>>;
    const auto* stored = static_cast<const Stored*>(table.data);
    const std::int64_t storedOfRow = table.columns / size();
    if (type == DType::F32)
      status = launch(embedKernel<Stored, size(), float>, static_cast<unsigned>(tokens), threads, 0, stream, stored, storedOfRow, ids, table.columns, scale,
                      noise, static_cast<float*>(out), aligned);
    else
      status = launch(embedKernel<Stored, size(), bf16>, static_cast<unsigned>(tokens), threads, 0, stream, stored, storedOfRow, ids, table.columns, scale,
                      noise, static_cast<bf16*>(out), aligned);
  });
  return status;
}

std::int64_t orderTokens(const std::int32_t* ids, std::int64_t tokens, std::int32_t* order, std::int32_t* begins) {
  std::iota(order, order + tokens, 0);
  std::stable_sort(order, order + tokens, [&](std::int32_t a, std::int32_t b) { return ids[a] < ids[b]; });
  std::int64_t distinct = 0;
  for (std::int64_t i = 0; i < tokens; ++i)
    if (i == 0 || ids[order[i]] != ids[order[i - 1]]) begins[distinct++] = static_cast<std::int32_t>(i);
  begins[distinct] = static_cast<std::int32_t>(tokens);
  return distinct;
}

Status embeddingGradient(const float* dx, const std::int32_t* ids, const std::int32_t* order, const std::int32_t* begins, std::int64_t distinct,
                         std::int64_t columns, float scale, float* gradient, Stream stream) {
  if (distinct <= 0 || columns <= 0) return Status::Ok;
  const dim3 grid(static_cast<unsigned>(distinct), static_cast<unsigned>((columns + threads - 1) / threads));
  return launch(embeddingGradientKernel, grid, threads, 0, stream, dx, ids, order, begins, columns, scale, gradient);
}

}  // namespace qt::cuda
