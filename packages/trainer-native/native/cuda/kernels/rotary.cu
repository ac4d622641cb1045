// A thread turns eight pairs in halves, or four side by side, of one head: 16-byte accesses; single pairs where heads are no whole packs.
#include "rotary.hpp"
#include "rows.cuh"

namespace qt::cuda {
namespace {

constexpr int threads = 256;

template <class T, int V, bool INTERLEAVED>
__global__ void __launch_bounds__(threads)
    rotateKernel(T* x, const std::int32_t* positions, std::int64_t count, int heads, int headDim, RotaryTable table, float direction) {
  const std::int64_t item = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (item >= count) return;
  const int perHead = table.pairs / V;
  const std::int64_t head = item / perHead, row = head / heads;
  const int first = static_cast<int>(item - head * perHead) * V;
  const std::int64_t at = static_cast<std::int64_t>(positions[row]) * table.pairs + first;
  T* to = x + head * headDim;
  float c[V], s[V];
  if constexpr (V % 4 == 0) {
#pragma unroll
    for (int i = 0; i < V; i += 4) {
      const float4 cosine = *reinterpret_cast<const float4*>(table.cosine + at + i), sine = *reinterpret_cast<const float4*>(table.sine + at + i);
      c[i] = cosine.x, c[i + 1] = cosine.y, c[i + 2] = cosine.z, c[i + 3] = cosine.w;
      s[i] = sine.x, s[i + 1] = sine.y, s[i + 2] = sine.z, s[i + 3] = sine.w;
    }
  } else {
    c[0] = table.cosine[at];
    s[0] = table.sine[at];
  }
  const auto turn = [&](float& a, float& b, int i) {
    const float sine = s[i] * direction, before = a;
    a = a * c[i] - b * sine;
    b = b * c[i] + before * sine;
  };
  if constexpr (V == 1) {
    T *a = to + (INTERLEAVED ? 2 * first : first), *b = INTERLEAVED ? a + 1 : a + table.pairs;
    float left = load(a), right = load(b);
    turn(left, right, 0);
    store(a, left);
    store(b, right);
  } else if constexpr (INTERLEAVED) {
    float v[8];
    load8(to + 2 * first, v);
#pragma unroll
    for (int i = 0; i < 4; ++i) turn(v[2 * i], v[2 * i + 1], i);
    store8(to + 2 * first, v);
  } else {
    float a[8], b[8];
    load8(to + first, a);
    load8(to + first + table.pairs, b);
#pragma unroll
    for (int i = 0; i < 8; ++i) turn(a[i], b[i], i);
    store8(to + first, a);
    store8(to + first + table.pairs, b);
  }
}

}  // namespace

Status rotate(void* x, DType type, const std::int32_t* positions, std::int64_t rows, std::int32_t heads, std::int32_t headDim, const RotaryTable& table, float direction,
              Stream stream) {
  if (heads <= 0 || table.pairs < 0 || 2 * table.pairs > headDim) return Status::BadShape;
  if (rows == 0 || table.pairs == 0) return Status::Ok;
  const int wide = table.interleaved ? 4 : 8;
  const bool packed = headDim % 8 == 0 && table.pairs % wide == 0 && aligned(x, table.cosine, table.sine);
  const std::int64_t count = rows * heads * (table.pairs / (packed ? wide : 1));
  const dim3 grid(static_cast<unsigned>((count + threads - 1) / threads));
  return byType(type, [&]<class T>() {
    const auto kernel = table.interleaved ? (packed ? rotateKernel<T, 4, true> : rotateKernel<T, 1, true>) : (packed ? rotateKernel<T, 8, false> : rotateKernel<T, 1, false>);
    return launch(kernel, grid, dim3(threads), 0, stream, static_cast<T*>(x), positions, count, heads, headDim, table, direction);
  });
}

}  // namespace qt::cuda
