// A row is read once, into the registers of as many lanes as it needs at eight numbers each (8, 16 or 32 lanes, several rows a block), or of
// a whole block, each thread up to 32 numbers; only rows beyond that, or not of whole packs of eight, are read twice. These kernels live
// on memory bandwidth: 16-byte accesses, and all of a thread's loads before the first use.
#include <cmath>

#include "norm.hpp"
#include "rows.cuh"

namespace qt::cuda {
namespace {

// LANES to a row, PACKS of eight numbers to a lane; PACKS = 0: any row, read again for each use.
template <int LANES, int PACKS>
struct RowLayout {
  static constexpr int lanes = LANES;
  static constexpr int packs = PACKS;
  static constexpr int threads = LANES < 128 ? 128 : LANES;
  static constexpr int rowsPerBlock = threads / LANES;
};

template <class L>
__device__ inline float sumOfRow(float x, float* scratch) {
  if constexpr (L::lanes <= 32) return sumOver(x, L::lanes);
  else return sumOverBlock(x, scratch, L::threads / 32);
}

// Calls body(column, pack index) for the packs of this lane, or body(column) for its single numbers.
template <class L, class Body>
__device__ inline void overPacks(std::int64_t columns, int lane, const Body& body) {
#pragma unroll
  for (int i = 0; i < L::packs; ++i) {
    const std::int64_t c = (static_cast<std::int64_t>(i) * L::lanes + lane) * 8;
    if (c < columns) body(c, i);
  }
}

template <class T, class L, bool APPLY>
__global__ void __launch_bounds__(L::threads)
    normKernel(const T* x, const float* weight, const T* residual, T* out, float* inverse, std::int64_t rows, std::int64_t columns, float epsilon, const std::int32_t* index) {
  auto* scratch = dynamicShared<float>();
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * L::rowsPerBlock + threadIdx.x / L::lanes;
  const int lane = threadIdx.x % L::lanes;
  const bool there = row < rows;
  const std::int64_t from = (there ? (index == nullptr ? row : index[row]) : 0) * columns, to = (there ? row : 0) * columns;
  if constexpr (L::packs > 0) {
    float v[L::packs][8] = {}, sum = 0.0f;
    overPacks<L>(there ? columns : 0, lane, [&](std::int64_t c, int i) { load8(x + from + c, v[i]); });
    float scale;
    if constexpr (APPLY) {
      scale = there ? inverse[row] : 0.0f;
    } else {
      overPacks<L>(there ? columns : 0, lane, [&](std::int64_t, int i) {
#pragma unroll
        for (int j = 0; j < 8; ++j) sum += v[i][j] * v[i][j];
      });
      scale = 1.0f / sqrtf(sumOfRow<L>(sum, scratch) / static_cast<float>(columns) + epsilon);
      if (there && lane == 0) inverse[row] = scale;
    }
    overPacks<L>(there ? columns : 0, lane, [&](std::int64_t c, int i) {
      float w[8];
      load8(weight + c, w);
#pragma unroll
      for (int j = 0; j < 8; ++j) w[j] *= v[i][j] * scale;
      if (residual != nullptr) {
        float r[8];
        load8(residual + to + c, r);
#pragma unroll
        for (int j = 0; j < 8; ++j) w[j] += r[j];
      }
      store8(out + to + c, w);
    });
  } else {
    float sum = 0.0f, scale;
    if constexpr (APPLY) {
      scale = inverse[row];
    } else {
      for (std::int64_t c = lane; c < columns; c += L::lanes) sum += load(x + from + c) * load(x + from + c);
      scale = 1.0f / sqrtf(sumOfRow<L>(sum, scratch) / static_cast<float>(columns) + epsilon);
      if (lane == 0) inverse[row] = scale;
    }
    for (std::int64_t c = lane; c < columns; c += L::lanes)
      store(out + to + c, load(x + from + c) * scale * weight[c] + (residual == nullptr ? 0.0f : load(residual + to + c)));
  }
}

// dx (float32) gets the gradient added; or, where it is null, dy is replaced by it.
template <class T, class L>
__global__ void __launch_bounds__(L::threads)
    normBackwardKernel(const T* x, const float* weight, const float* inverse, const T* dy, float* dx, T* inPlace, std::int64_t rows, std::int64_t columns, const std::int32_t* index) {
  auto* scratch = dynamicShared<float>();
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * L::rowsPerBlock + threadIdx.x / L::lanes;
  const int lane = threadIdx.x % L::lanes;
  const bool there = row < rows;
  const std::int64_t from = (there ? (index == nullptr ? row : index[row]) : 0) * columns, to = (there ? row : 0) * columns;
  const float i = there ? inverse[row] : 0.0f;
  float sum = 0.0f;
  if constexpr (L::packs > 0) {
    float v[L::packs][8] = {}, g[L::packs][8] = {};
    overPacks<L>(there ? columns : 0, lane, [&](std::int64_t c, int p) {
      load8(x + from + c, v[p]);
      load8(dy + to + c, g[p]);
    });
    overPacks<L>(there ? columns : 0, lane, [&](std::int64_t c, int p) {
      float w[8];
      load8(weight + c, w);
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        g[p][j] *= w[j];
        sum += v[p][j] * g[p][j];
      }
    });
    const float pull = i * i * i * sumOfRow<L>(sum, scratch) / static_cast<float>(columns);
    overPacks<L>(there ? columns : 0, lane, [&](std::int64_t c, int p) {
      float d[8];
#pragma unroll
      for (int j = 0; j < 8; ++j) d[j] = g[p][j] * i - v[p][j] * pull;
      if (dx == nullptr) {
        store8(inPlace + to + c, d);
        return;
      }
      float before[8];
      load8(dx + from + c, before);
#pragma unroll
      for (int j = 0; j < 8; ++j) d[j] += before[j];
      store8(dx + from + c, d);
    });
  } else {
    for (std::int64_t c = lane; c < columns; c += L::lanes) sum += load(x + from + c) * load(dy + to + c) * weight[c];
    const float pull = i * i * i * sumOfRow<L>(sum, scratch) / static_cast<float>(columns);
    for (std::int64_t c = lane; c < columns; c += L::lanes) {
      const float d = load(dy + to + c) * weight[c] * i - load(x + from + c) * pull;
      if (dx == nullptr) store(inPlace + to + c, d);
      else dx[from + c] += d;
    }
  }
}

// Calls body with the layout for rows of so many columns.
template <class Body>
Status byColumns(std::int64_t columns, bool packed, const Body& body) {
  if (!packed || columns > 512 * 32) return body.template operator()<RowLayout<256, 0>>();
  if (columns <= 64) return body.template operator()<RowLayout<8, 1>>();
  if (columns <= 128) return body.template operator()<RowLayout<16, 1>>();
  if (columns <= 256) return body.template operator()<RowLayout<32, 1>>();
  if (columns <= 1024) return body.template operator()<RowLayout<128, 1>>();
  if (columns <= 2048) return body.template operator()<RowLayout<256, 1>>();
  if (columns <= 4096) return body.template operator()<RowLayout<256, 2>>();
  if (columns <= 8192) return body.template operator()<RowLayout<256, 4>>();
  return body.template operator()<RowLayout<512, 4>>();
}

template <class L>
dim3 gridOf(std::int64_t rows) { return dim3(static_cast<unsigned>((rows + L::rowsPerBlock - 1) / L::rowsPerBlock)); }
template <class L>
constexpr std::size_t sharedBytes = L::threads / 32 * sizeof(float);

template <bool APPLY>
Status norm(const void* x, DType type, const float* weight, const void* residual, void* out, float* inverse, std::int64_t rows, std::int64_t columns, float epsilon,
            const std::int32_t* index, Stream stream) {
  if (columns <= 0) return Status::BadShape;
  if (rows == 0) return Status::Ok;
  const bool packed = columns % 8 == 0 && aligned(x, weight, residual, out);
  return byType(type, [&]<class T>() {
    return byColumns(columns, packed, [&]<class L>() {
      return launch(normKernel<T, L, APPLY>, gridOf<L>(rows), dim3(L::threads), sharedBytes<L>, stream, static_cast<const T*>(x), weight, static_cast<const T*>(residual),
                    static_cast<T*>(out), inverse, rows, columns, epsilon, index);
    });
  });
}

Status backward(const void* x, DType type, const float* weight, const float* inverse, const void* dy, float* dx, void* inPlace, std::int64_t rows, std::int64_t columns,
                const std::int32_t* index, Stream stream) {
  if (columns <= 0) return Status::BadShape;
  if (rows == 0) return Status::Ok;
  const bool packed = columns % 8 == 0 && aligned(x, weight, dy, dx);
  return byType(type, [&]<class T>() {
    return byColumns(columns, packed, [&]<class L>() {
      return launch(normBackwardKernel<T, L>, gridOf<L>(rows), dim3(L::threads), sharedBytes<L>, stream, static_cast<const T*>(x), weight, inverse, static_cast<const T*>(dy), dx,
                    static_cast<T*>(inPlace), rows, columns, index);
    });
  });
}

}  // namespace

Status rmsNorm(const void* x, DType type, const float* weight, const void* residual, void* out, float* inverse, std::int64_t rows, std::int64_t columns, float epsilon,
               const std::int32_t* index, Stream stream) {
  return norm<false>(x, type, weight, residual, out, inverse, rows, columns, epsilon, index, stream);
}
Status rmsNormApply(const void* x, DType type, const float* weight, void* out, const float* inverse, std::int64_t rows, std::int64_t columns, Stream stream) {
  return norm<true>(x, type, weight, nullptr, out, const_cast<float*>(inverse), rows, columns, 0.0f, nullptr, stream);
}
Status rmsNormBackward(const void* x, DType type, const float* weight, const float* inverse, const void* dy, float* dx, std::int64_t rows, std::int64_t columns,
                       const std::int32_t* index, Stream stream) {
  return backward(x, type, weight, inverse, dy, dx, nullptr, rows, columns, index, stream);
}
Status rmsNormBackwardInPlace(const void* x, DType type, const float* weight, const float* inverse, void* dy, std::int64_t rows, std::int64_t columns, Stream stream) {
  return backward(x, type, weight, inverse, dy, nullptr, dy, rows, columns, nullptr, stream);
}

}  // namespace qt::cuda
