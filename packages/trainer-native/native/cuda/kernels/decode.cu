// A thread decodes eight numbers and writes them as 16 (or 32) bytes: what reads the blocks are neighbours, so their scales come from the
// first-level cache, and memory sees each block once.
#include "decode.hpp"

#include "blocks.cuh"

namespace qt::cuda {
namespace {

constexpr int threads = 256;
constexpr int rowsOfWarp = 2;  // so that what is read of x serves two rows

template <class Stored, int Size, class Out>
__global__ void __launch_bounds__(threads) decodeKernel(const Stored* from, std::int64_t count, Out* out) {
  const std::int64_t g = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (8 * g >= count) return;
  float v[8];
  eightOfRow<Stored, Size>(from, g, count, v);
  if (8 * g + 8 <= count) {
    store8(out + 8 * g, v);
    return;
  }
  for (int j = 0; 8 * g + j < count; ++j) store(out + 8 * g + j, v[j]);
}

template <class Stored, int Size, int Inputs>
__global__ void __launch_bounds__(threads) rowsTimesKernel(const Stored* weights, std::int64_t rows, std::int64_t columns, std::int64_t storedOfRow,
                                                           const float* x, bool aligned, float* y, std::int64_t yStride) {
  const int lane = threadIdx.x % 32;
  const std::int64_t row = (static_cast<std::int64_t>(blockIdx.x) * (threads / 32) + threadIdx.x / 32) * rowsOfWarp;
  if (row >= rows) return;
  float sum[rowsOfWarp][Inputs] = {};
  for (std::int64_t g = lane; 8 * g < columns; g += 32) {
    float w[rowsOfWarp][8];
#pragma unroll
    for (int r = 0; r < rowsOfWarp; ++r) eightOfRow<Stored, Size>(weights + min(row + r, rows - 1) * storedOfRow, g, columns, w[r]);
#pragma unroll
    for (int i = 0; i < Inputs; ++i) {
      float v[8];
      const float* from = x + i * columns + 8 * g;
      if (aligned) load8(from, v);
      else
#pragma unroll
        for (int j = 0; j < 8; ++j) v[j] = 8 * g + j < columns ? from[j] : 0.0f;
#pragma unroll
      for (int r = 0; r < rowsOfWarp; ++r)
#pragma unroll
        for (int j = 0; j < 8; ++j) sum[r][i] += w[r][j] * v[j];
    }
  }
#pragma unroll
  for (int r = 0; r < rowsOfWarp; ++r)
#pragma unroll
    for (int i = 0; i < Inputs; ++i) {
      float total = sum[r][i];
#pragma unroll
      for (int bits = 16; bits > 0; bits /= 2) total += __shfl_xor_sync(0xffffffffu, total, bits);
      if (lane == 0 && row + r < rows) y[i * yStride + row + r] = total;
    }
}

bool aligned16(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; }

bool withoutGaps(const MatrixView& m) { return m.rowBytes == rowBytes(m.type, static_cast<std::size_t>(m.columns)) && m.rowBytes != 0; }

}  // namespace

Status decode(const MatrixView& m, std::int64_t rowBegin, std::int64_t rowEnd, DType type, void* out, Stream stream) {
  if (rowEnd <= rowBegin || m.columns == 0) return Status::Ok;
  if (!withoutGaps(m) || !aligned16(m.data) || !aligned16(out)) return Status::BadShape;
  const auto* from = static_cast<const unsigned char*>(m.data) + rowBegin * static_cast<std::int64_t>(m.rowBytes);
  const std::int64_t count = (rowEnd - rowBegin) * m.columns, groups = (count + 7) / 8;
  const auto blocks = static_cast<unsigned>((groups + threads - 1) / threads);
  Status status = Status::BadShape;
  withStored(m.type, [&](auto* how, auto size) {
    using Stored = std::remove_const_t<std::remove_pointer_t<decltype(how)>>;
    const auto* stored = reinterpret_cast<const Stored*>(from);
    // Where a block's bytes are an odd number of words, so are those of the rows before.
    if (reinterpret_cast<std::uintptr_t>(from) % (sizeof(Stored) % 8 == 0 ? 8 : sizeof(Stored) % 4 == 0 ? 4 : sizeof(Stored) % 2 == 0 ? 2 : 1) != 0) return;
    if (type == DType::F32) status = launch(decodeKernel<Stored, size(), float>, blocks, threads, 0, stream, stored, count, static_cast<float*>(out));
    else status = launch(decodeKernel<Stored, size(), bf16>, blocks, threads, 0, stream, stored, count, static_cast<bf16*>(out));
  });
  return status;
}

Status rowsTimes(const MatrixView& m, const float* x, int inputs, float* y, std::int64_t yStride, Stream stream) {
  if (m.rows == 0 || inputs == 0) return Status::Ok;
  if (inputs > mostRowsTimesInputs || !withoutGaps(m) || !aligned16(m.data)) return Status::BadShape;
  constexpr std::int64_t rowsOfBlock = threads / 32 * rowsOfWarp;
  const auto blocks = static_cast<unsigned>((m.rows + rowsOfBlock - 1) / rowsOfBlock);
  const bool aligned = aligned16(x) && m.columns % 8 == 0;
  Status status = Status::BadShape;
  withStored(m.type, [&](auto* how, auto size) {
    using Stored = std::remove_const_t<std::remove_pointer_t<decltype(how)>>;
    const auto* stored = static_cast<const Stored*>(m.data);
    const std::int64_t storedOfRow = m.columns / size();
    status = Status::Ok;
    int i = 0;
    for (; i + 4 <= inputs && status == Status::Ok; i += 4)
      status = launch(rowsTimesKernel<Stored, size(), 4>, blocks, threads, 0, stream, stored, m.rows, m.columns, storedOfRow, x + i * m.columns, aligned,
                      y + i * yStride, yStride);
    for (; i < inputs && status == Status::Ok; ++i)
      status = launch(rowsTimesKernel<Stored, size(), 1>, blocks, threads, 0, stream, stored, m.rows, m.columns, storedOfRow, x + i * m.columns, aligned,
                      y + i * yStride, yStride);
  });
  return status;
}

}  // namespace qt::cuda
