// LANES neighbouring threads hold a head, eight numbers each. Pairs in halves lie in two lanes, which show each other what they have.
#include <cmath>

#include "heads.hpp"
#include "norm.hpp"
#include "rotary.hpp"
#include "rows.cuh"

namespace qt::cuda {
namespace {

constexpr int threads = 128;

// Eight numbers of a head, rotated.
template <int LANES>
__device__ inline void turn(float (&v)[8], const RotaryTable& table, std::int64_t position, int lane) {
  const float *cosine = table.cosine + position * table.pairs, *sine = table.sine + position * table.pairs;
  if (table.interleaved) {
    if (lane * 4 >= table.pairs) return;
    const float4 c = *reinterpret_cast<const float4*>(cosine + lane * 4), s = *reinterpret_cast<const float4*>(sine + lane * 4);
    const auto pair = [&](float& a, float& b, float cos, float sin) {
      const float before = a;
      a = a * cos - b * sin;
      b = b * cos + before * sin;
    };
    pair(v[0], v[1], c.x, s.x);
    pair(v[2], v[3], c.y, s.y);
    pair(v[4], v[5], c.z, s.z);
    pair(v[6], v[7], c.w, s.w);
    return;
  }
  const int half = table.pairs / 8;
  const bool first = lane < half, turned = lane < 2 * half;
  const int partner = first ? lane + half : turned ? lane - half : lane, at = (first ? lane : turned ? lane - half : 0) * 8;
  float c[8], s[8];
  load8(cosine + at, c);
  load8(sine + at, s);
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const float other = __shfl_sync(fullWarp, v[i], partner, LANES) * s[i];
    if (turned) v[i] = v[i] * c[i] + (first ? -other : other);
  }
}

template <class T, int LANES>
__global__ void __launch_bounds__(threads) headsKernel(Heads h, const T* raw, T* to) {
  const std::int64_t item = static_cast<std::int64_t>(blockIdx.x) * (threads / LANES) + threadIdx.x / LANES;
  const int lane = threadIdx.x % LANES, c = lane * 8;
  const bool there = item < h.rows * h.heads, inside = there && c < h.headDim;
  const std::int64_t at = item * h.headDim + c;
  const std::int64_t position = there && h.rotary.pairs > 0 ? h.positions[item / h.heads] : 0;
  float v[8] = {}, w[8] = {};
  if (inside) load8(raw + at, v);
  if (h.normWeight != nullptr) {
    if (inside) load8(h.normWeight + c, w);
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < 8; ++i) sum += v[i] * v[i];
    const float inverse = 1.0f / sqrtf(sumOver(sum, LANES) / static_cast<float>(h.headDim) + h.epsilon);
    if (there && lane == 0) h.inverse[item] = inverse;
#pragma unroll
    for (int i = 0; i < 8; ++i) v[i] *= inverse * w[i];
  }
  if (h.rotary.pairs > 0) turn<LANES>(v, h.rotary, position, lane);
  if (inside) store8(to + at, v);
}

Status run(const Heads& h, const void* raw, void* to, Stream stream) {
  return byType(h.type, [&]<class T>() {
    const auto with = [&]<int LANES>() {
      constexpr int each = threads / LANES;
      return launch(headsKernel<T, LANES>, dim3(static_cast<unsigned>((h.rows * h.heads + each - 1) / each)), dim3(threads), 0, stream, h, static_cast<const T*>(raw),
                    static_cast<T*>(to));
    };
    if (h.headDim <= 64) return with.template operator()<8>();
    if (h.headDim <= 128) return with.template operator()<16>();
    return with.template operator()<32>();
  });
}

bool fits(const Heads& h, const void* raw, const void* to) {
  return h.headDim % 8 == 0 && h.headDim <= 256 && h.rotary.pairs % (h.rotary.interleaved ? 4 : 8) == 0 && aligned(raw, to, h.normWeight, h.rotary.cosine, h.rotary.sine);
}
bool possible(const Heads& h) { return h.heads > 0 && h.headDim > 0 && h.rows >= 0 && h.rotary.pairs >= 0 && 2 * h.rotary.pairs <= h.headDim; }

}  // namespace

Status prepareHeads(const Heads& h, const void* raw, void* to, Stream stream) {
  if (!possible(h) || (h.normWeight == nullptr && raw != to)) return Status::BadShape;
  if (h.rows == 0) return Status::Ok;
  if (fits(h, raw, to)) return run(h, raw, to, stream);
  if (h.normWeight != nullptr) {
    const Status status = rmsNorm(raw, h.type, h.normWeight, nullptr, to, h.inverse, h.rows * h.heads, h.headDim, h.epsilon, nullptr, stream);
    if (status != Status::Ok) return status;
  }
  return rotate(to, h.type, h.positions, h.rows, h.heads, h.headDim, h.rotary, 1.0f, stream);
}

}  // namespace qt::cuda
