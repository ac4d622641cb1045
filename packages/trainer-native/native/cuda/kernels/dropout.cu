// A thread takes eight neighbours: two draws of Philox, 16 bytes of bfloat16.
#include "dropout.hpp"

#include "../platform.cuh"
#include "philox.hpp"

namespace qt::cuda {
namespace {

constexpr int threads = 256;

struct Draw {
  std::uint32_t limit, step, purpose;
  float keep;
  std::uint64_t seed;
  std::int64_t first, firstDraw;
};

template <class T>
__global__ void __launch_bounds__(threads) dropoutKernel(const T* x, T* out, std::int64_t rows, std::int64_t columns, Draw d, bool aligned) {
  const std::int64_t groups = (columns + 7) / 8, i = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x, row = i / groups, g = i % groups;
  if (row >= rows) return;
  const std::int64_t begin = row * columns + 8 * g;
  const int count = 8 * g + 8 <= columns ? 8 : static_cast<int>(columns - 8 * g);
  float v[8] = {};
  if (aligned) load8(x + begin, v);
  else
#pragma unroll
    for (int j = 0; j < 8; ++j)
      if (j < count) v[j] = load(x + begin + j);
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    std::uint32_t word[4];
    philox(static_cast<std::uint64_t>(d.firstDraw + 2 * g + half), d.step, d.purpose, d.seed ^ (static_cast<std::uint64_t>(d.first + row) << 32), word);
#pragma unroll
    for (int j = 0; j < 4; ++j) v[4 * half + j] = word[j] < d.limit ? 0.0f : v[4 * half + j] * d.keep;
  }
  if (aligned) store8(out + begin, v);
  else
#pragma unroll
    for (int j = 0; j < 8; ++j)
      if (j < count) store(out + begin + j, v[j]);
}

}  // namespace

Status dropout(const void* x, void* out, DType type, std::int64_t rows, std::int64_t columns, float p, std::uint64_t seed, std::uint32_t step,
               std::uint32_t purpose, std::int64_t first, std::int64_t firstColumn, Stream stream) {
  if (rows <= 0 || columns <= 0) return Status::Ok;
  const Draw draw{static_cast<std::uint32_t>(static_cast<double>(p) * 4294967296.0), step, purpose, 1.0f / (1.0f - p), seed, first, firstColumn / 4};
  const auto blocks = static_cast<unsigned>((rows * ((columns + 7) / 8) + threads - 1) / threads);
  const bool aligned = columns % 8 == 0 && reinterpret_cast<std::uintptr_t>(x) % 16 == 0 && reinterpret_cast<std::uintptr_t>(out) % 16 == 0;
  if (type == DType::F32)
    return launch(dropoutKernel<float>, blocks, threads, 0, stream, static_cast<const float*>(x), static_cast<float*>(out), rows, columns, draw, aligned);
  return launch(dropoutKernel<bf16>, blocks, threads, 0, stream, static_cast<const bf16*>(x), static_cast<bf16*>(out), rows, columns, draw, aligned);
}

}  // namespace qt::cuda
