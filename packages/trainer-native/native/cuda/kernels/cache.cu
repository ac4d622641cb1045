// Attention of a token is as fast as its keys and values can be read. LANES threads share a row, eight numbers each, 16 bytes of float16; they
// keep their part of the queries and of the outputs in registers, walk over every so manieth row, four rows' loads under way at a time, and
// scale what they have by each new highest score. 256 positions go to a block, so that one long sequence still fills the device; the
// blocks' parts are put together in their order.
#include <cmath>

#include "cache.hpp"
#include "rows.cuh"

namespace qt::cuda {
namespace {

constexpr int threads = 128, partRows = 256;
constexpr float lowest = -1e30f;  // of a part that saw nothing

// float16, to nearest with ties to even.
__device__ inline std::uint16_t toHalf(float x) {
#ifdef __CUDA_ARCH__
  std::uint16_t out;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(out) : "f"(x));
  return out;
#else
  const std::uint32_t bits = __float_as_uint(x), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
  if (size > 0x7f800000) return 0x7fff;
  if (size >= 0x477ff000) return static_cast<std::uint16_t>(sign | 0x7c00);
  // Adding 0.5 leaves a subnormal's rounded fraction in the low bits.
  if (size < 0x38800000) return static_cast<std::uint16_t>(sign | (__float_as_uint(__uint_as_float(size) + 0.5f) - 0x3f000000));
  return static_cast<std::uint16_t>(sign | ((size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13));
#endif
}
__device__ inline float fromHalf(std::uint16_t x) {
#ifdef __CUDA_ARCH__
  float out;
  asm("cvt.f32.f16 %0, %1;" : "=f"(out) : "h"(x));
  return out;
#else
  const std::uint32_t sign = static_cast<std::uint32_t>(x & 0x8000) << 16, size = x & 0x7fff;
  if (size >= 0x7c00) return __uint_as_float(sign | 0x7f800000 | (size & 0x3ff) << 13);
  // 2¹¹² makes a float16's exponent a float32's, subnormal ones included.
  return __uint_as_float(sign | __float_as_uint(__uint_as_float(size << 13) * 5.192296858534828e33f));
#endif
}

// Where the rows of one head lie in a page.
struct HeadRows {
  unsigned char* data;
  CacheType type;
  int headDim;
  __device__ HeadRows(unsigned char* pool, const KvPages& p, std::int64_t page, int head)
      : data(pool + (page * p.kvHeads + head) * static_cast<std::int64_t>(pageRows) * cacheRowBytes(p.type, p.headDim)), type(p.type), headDim(p.headDim) {}
  __device__ float* scale(int row) const { return reinterpret_cast<float*>(data + pageRows * headDim) + row; }
};

// Eight numbers of a row from column c on, or as many as it has; the rest 0. Codes are not scaled.
template <CacheType C>
__device__ inline void loadRow(const HeadRows& rows, int row, int c, float (&x)[8]) {
  constexpr int bytes = C == CacheType::F32 ? 4 : C == CacheType::F16 ? 2 : 1;
  const unsigned char* from = rows.data + (row * rows.headDim + c) * bytes;
  if (rows.headDim % 8 == 0) {
    if constexpr (C == CacheType::F32) {
      load8(reinterpret_cast<const float*>(from), x);
    } else if constexpr (C == CacheType::F16) {
      const uint4 v = *reinterpret_cast<const uint4*>(from);
      const std::uint32_t word[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
      for (int i = 0; i < 8; ++i) x[i] = fromHalf(static_cast<std::uint16_t>(word[i / 2] >> (16 * (i % 2))));
    } else {
      const uint2 v = *reinterpret_cast<const uint2*>(from);
#pragma unroll
      for (int i = 0; i < 8; ++i) x[i] = static_cast<float>(static_cast<std::int8_t>((i < 4 ? v.x : v.y) >> (8 * (i % 4))));
    }
    return;
  }
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    if (c + i >= rows.headDim) x[i] = 0.0f;
    else if constexpr (C == CacheType::F32) x[i] = reinterpret_cast<const float*>(from)[i];
    else if constexpr (C == CacheType::F16) x[i] = fromHalf(reinterpret_cast<const std::uint16_t*>(from)[i]);
    else x[i] = static_cast<float>(reinterpret_cast<const std::int8_t*>(from)[i]);
  }
}
template <CacheType C>
__device__ inline float rowScale(const HeadRows& rows, int row) {
  if constexpr (C == CacheType::I8) return *rows.scale(row);
  else return 1.0f;
}

// A warp to a head's row of keys or values.
template <class T>
__global__ void __launch_bounds__(threads) storeKernel(KvPages pages, const T* k, const T* v, std::int64_t count, const std::int32_t* sequences, const std::int32_t* positions) {
  const std::int64_t item = static_cast<std::int64_t>(blockIdx.x) * (threads / 32) + threadIdx.x / 32;
  if (item >= count) return;
  const int lane = threadIdx.x % 32, d = pages.headDim;
  const bool isValue = item % 2 == 1;
  const std::int64_t token = item / 2 / pages.kvHeads;
  const int head = static_cast<int>(item / 2 % pages.kvHeads), position = positions[token], row = position % pageRows;
  const std::int64_t page = pages.table[sequences[token] * pages.tableStride + position / pageRows];
  const HeadRows rows(isValue ? pages.values : pages.keys, pages, page, head);
  const T* x = (isValue ? v : k) + (token * pages.kvHeads + head) * d;
  if (pages.type == CacheType::F32) {
    for (int c = lane; c < d; c += 32) reinterpret_cast<float*>(rows.data)[row * d + c] = load(x + c);
  } else if (pages.type == CacheType::F16) {
    for (int c = lane; c < d; c += 32) reinterpret_cast<std::uint16_t*>(rows.data)[row * d + c] = toHalf(load(x + c));
  } else {
    float most = 0.0f, poison = 0.0f;
    for (int c = lane; c < d; c += 32) {
      most = fmaxf(most, fabsf(load(x + c)));
      poison += load(x + c) * 0.0f;
    }
    for (int step = 16; step > 0; step /= 2) most = fmaxf(most, __shfl_xor_sync(fullWarp, most, step));
    poison = sumOver(poison);
    const float inverse = most > 0.0f ? 127.0f / most : 0.0f;
    constexpr float toInteger = 12582912.0f;  // 1.5·2²³: adding it rounds to an integer
    for (int c = lane; c < d; c += 32)
      reinterpret_cast<std::int8_t*>(rows.data)[row * d + c] = poison == 0.0f ? static_cast<std::int8_t>(__fmaf_rn(load(x + c), inverse, toInteger) - toInteger) : static_cast<std::int8_t>(0);
    if (lane == 0) *rows.scale(row) = most / 127.0f + poison;
  }
}

template <class T, CacheType C>
__global__ void __launch_bounds__(threads) loadKernel(KvPages pages, std::int32_t sequence, std::int64_t count, T* k, T* v) {
  const int perRow = (pages.headDim + 7) / 8;
  const std::int64_t item = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (item >= count * pages.kvHeads * perRow * 2) return;
  const bool isValue = item % 2 == 1;
  const int c = static_cast<int>(item / 2 % perRow) * 8;
  const std::int64_t line = item / 2 / perRow, position = line / pages.kvHeads;
  const HeadRows rows(isValue ? pages.values : pages.keys, pages, pages.table[sequence * pages.tableStride + position / pageRows], static_cast<int>(line % pages.kvHeads));
  const int row = static_cast<int>(position % pageRows);
  float x[8];
  loadRow<C>(rows, row, c, x);
  const float scale = rowScale<C>(rows, row);
#pragma unroll
  for (float& y : x) y *= scale;
  T* to = (isValue ? v : k) + line * pages.headDim + c;
  if (pages.headDim % 8 == 0) store8(to, x);
  else
    for (int i = 0; i < 8 && c + i < pages.headDim; ++i) store(to + i, x[i]);
}

// Of one token and query head: outputs [headDim] that are not normalised, the highest score and the sum of weights, for each part.
struct Parts {
  float* data;
  int heads, headDim, count;
  __device__ float* at(std::int64_t row, int head, int part) const { return data + ((row * heads + head) * count + part) * (headDim + 2); }
};

// G query heads that share a key head, from head blockIdx.y·G of its group on.
template <class T, CacheType C, int LANES, int G>
__global__ void __launch_bounds__(threads)
    partKernel(KvPages pages, AttentionShape shape, const T* q, const std::int32_t* sequences, const std::int32_t* positions, Parts parts) {
  constexpr int groups = threads / LANES, together = 4;
  auto* meeting = dynamicShared<float>();  // of each group: G highest scores, G sums, then outputs [G, headDim]
  const int d = shape.headDim, perKey = shape.heads / shape.kvHeads;
  const int part = static_cast<int>(blockIdx.x) % parts.count, kvHead = static_cast<int>(blockIdx.x) / parts.count % shape.kvHeads;
  const std::int64_t token = static_cast<int>(blockIdx.x) / parts.count / shape.kvHeads;
  const int first = blockIdx.y * G, heads = perKey - first < G ? perKey - first : G;
  const int head0 = kvHead * perKey + first;
  const int position = positions[token];
  const int begin = max(part * partRows, shape.window > 0 ? position + 1 - shape.window : 0), end = min(part * partRows + partRows, position + 1);
  const int group = threadIdx.x / LANES, lane = threadIdx.x % LANES, c = lane * 8;
  if (begin >= end) {  // the same for the whole block
    if (static_cast<int>(threadIdx.x) < heads) {
      float* to = parts.at(token, head0 + threadIdx.x, part) + d;
      to[0] = lowest;
      to[1] = 0.0f;
    }
    return;
  }
  const std::int32_t* table = pages.table + sequences[token] * pages.tableStride;

  float query[G][8], out[G][8] = {}, high[G], sum[G] = {};
#pragma unroll
  for (int g = 0; g < G; ++g) {
    high[g] = lowest;
#pragma unroll
    for (int i = 0; i < 8; ++i) query[g][i] = g < heads && c + i < d ? load(q + (token * shape.heads + head0 + g) * d + c + i) : 0.0f;
  }
  for (int row = begin; row < end; row += groups * together) {
    float s[G][together], values[together][8];
#pragma unroll
    for (int j = 0; j < together; ++j) {
      // Every lane takes part in the sums; what lies behind the end is read again from the last row and not seen.
      const int at = row + j * groups + group, there = min(at, end - 1);
      const std::int64_t page = table[there / pageRows];
      const HeadRows k(pages.keys, pages, page, kvHead), v(pages.values, pages, page, kvHead);
      float x[8] = {};
#pragma unroll
      for (float& y : values[j]) y = 0.0f;
      if (c < d) {
        loadRow<C>(k, there % pageRows, c, x);
        loadRow<C>(v, there % pageRows, c, values[j]);
      }
      const float scale = rowScale<C>(k, there % pageRows) * shape.scale, valueScale = rowScale<C>(v, there % pageRows);
#pragma unroll
      for (float& y : values[j]) y *= valueScale;
#pragma unroll
      for (int g = 0; g < G; ++g) {
        float dot = 0.0f;
#pragma unroll
        for (int i = 0; i < 8; ++i) dot += query[g][i] * x[i];
        dot = sumOver(dot, LANES) * scale;
        if (shape.softcap != 0.0f) dot = shape.softcap * hyperbolicTangent(dot / shape.softcap);
        s[g][j] = at < end ? dot : -INFINITY;
      }
    }
#pragma unroll
    for (int g = 0; g < G; ++g) {
      float now = high[g];
#pragma unroll
      for (int j = 0; j < together; ++j) now = fmaxf(now, s[g][j]);
      const float shrink = qtExp(high[g] - now);
      high[g] = now;
      sum[g] *= shrink;
#pragma unroll
      for (int i = 0; i < 8; ++i) out[g][i] *= shrink;
#pragma unroll
      for (int j = 0; j < together; ++j) {
        const float p = qtExp(s[g][j] - now);
        sum[g] += p;
#pragma unroll
        for (int i = 0; i < 8; ++i) out[g][i] += p * values[j][i];
      }
    }
  }

  float* own = meeting + group * G * (d + 2);
#pragma unroll
  for (int g = 0; g < G; ++g) {
    if (lane == 0) {
      own[g] = high[g];
      own[G + g] = sum[g];
    }
#pragma unroll
    for (int i = 0; i < 8; ++i)
      if (c + i < d) own[2 * G + g * d + c + i] = out[g][i];
  }
  __syncthreads();
  for (int item = threadIdx.x; item < heads * d; item += threads) {
    const int g = item / d, column = item % d;
    float top = lowest, all = 0.0f, number = 0.0f;
    for (int i = 0; i < groups; ++i) top = fmaxf(top, meeting[i * G * (d + 2) + g]);
    for (int i = 0; i < groups; ++i) {
      const float* from = meeting + i * G * (d + 2);
      const float share = qtExp(from[g] - top);
      all += from[G + g] * share;
      number += from[2 * G + g * d + column] * share;
    }
    float* to = parts.at(token, head0 + g, part);
    to[column] = number;
    if (column == 0) {
      to[d] = top;
      to[d + 1] = all;
    }
  }
}

// A block to a token's query head.
template <class T>
__global__ void __launch_bounds__(threads) gatherKernel(Parts parts, T* out, const std::int32_t* positions, std::int32_t window) {
  const std::int64_t row = blockIdx.x / parts.heads;
  const int head = static_cast<int>(blockIdx.x) % parts.heads, position = positions[row];
  const int from = window > 0 ? max(0, position + 1 - window) / partRows : 0, to = position / partRows;
  float high = lowest, sum = 0.0f;
  for (int p = from; p <= to; ++p) high = fmaxf(high, parts.at(row, head, p)[parts.headDim]);
  for (int p = from; p <= to; ++p) sum += parts.at(row, head, p)[parts.headDim + 1] * qtExp(parts.at(row, head, p)[parts.headDim] - high);
  for (int c = threadIdx.x; c < parts.headDim; c += threads) {
    float number = 0.0f;
    for (int p = from; p <= to; ++p) number += parts.at(row, head, p)[c] * qtExp(parts.at(row, head, p)[parts.headDim] - high);
    store(out + (row * parts.heads + head) * parts.headDim + c, number / sum);
  }
}

template <class Body>
Status byCacheType(CacheType type, const Body& body) {
  switch (type) {
    case CacheType::F32: return body.template operator()<CacheType::F32>();
    case CacheType::F16: return body.template operator()<CacheType::F16>();
    default: return body.template operator()<CacheType::I8>();
  }
}
template <class Body>
Status byLanes(std::int32_t headDim, const Body& body) {
  if (headDim <= 32) return body.template operator()<4>();
  if (headDim <= 64) return body.template operator()<8>();
  if (headDim <= 128) return body.template operator()<16>();
  return body.template operator()<32>();
}
template <class Body>
Status byGroup(std::int32_t heads, const Body& body) {
  if (heads == 1) return body.template operator()<1>();
  if (heads <= 4) return body.template operator()<4>();
  return body.template operator()<8>();
}

int partsOf(std::int32_t longest) { return (longest + partRows - 1) / partRows; }
bool possible(const KvPages& p) { return p.kvHeads > 0 && p.headDim > 0 && p.headDim <= 256; }
dim3 blocksOf(std::int64_t items, int each) { return dim3(static_cast<unsigned>((items + each - 1) / each)); }

}  // namespace

Status cacheStore(const KvPages& pages, const void* k, const void* v, DType type, std::int64_t rows, const std::int32_t* sequences, const std::int32_t* positions, Stream stream) {
  if (!possible(pages)) return Status::BadShape;
  if (rows == 0) return Status::Ok;
  const std::int64_t count = rows * pages.kvHeads * 2;
  return byType(type, [&]<class T>() {
    return launch(storeKernel<T>, blocksOf(count, threads / 32), dim3(threads), 0, stream, pages, static_cast<const T*>(k), static_cast<const T*>(v), count, sequences, positions);
  });
}

Status cacheLoad(const KvPages& pages, std::int32_t sequence, std::int64_t count, void* k, void* v, DType type, Stream stream) {
  if (!possible(pages)) return Status::BadShape;
  if (count == 0) return Status::Ok;
  const std::int64_t items = count * pages.kvHeads * ((pages.headDim + 7) / 8) * 2;
  return byType(type, [&]<class T>() {
    return byCacheType(pages.type, [&]<CacheType C>() {
      return launch(loadKernel<T, C>, blocksOf(items, threads), dim3(threads), 0, stream, pages, sequence, count, static_cast<T*>(k), static_cast<T*>(v));
    });
  });
}

std::int64_t pagedScratch(const AttentionShape& shape, std::int64_t rows, std::int32_t longest) { return rows * shape.heads * partsOf(longest) * (shape.headDim + 2); }

Status attendPages(const KvPages& pages, const PagedAttention& a, DType type, Stream stream) {
  const AttentionShape& s = a.shape;
  if (!possible(pages) || s.kvHeads != pages.kvHeads || s.headDim != pages.headDim || s.heads % s.kvHeads != 0 || a.longest <= 0) return Status::BadShape;
  if (a.rows == 0) return Status::Ok;
  const Parts parts{a.scratch, s.heads, s.headDim, partsOf(a.longest)};
  const int perKey = s.heads / s.kvHeads;
  return byType(type, [&]<class T>() {
    const Status status = byCacheType(pages.type, [&]<CacheType C>() {
      return byLanes(s.headDim, [&]<int LANES>() {
        return byGroup(perKey, [&]<int G>() {
          const dim3 grid(static_cast<unsigned>(a.rows * s.kvHeads * parts.count), static_cast<unsigned>((perKey + G - 1) / G));
          return launch(partKernel<T, C, LANES, G>, grid, dim3(threads), static_cast<std::size_t>(threads / LANES) * G * (s.headDim + 2) * sizeof(float), stream, pages, s,
                        static_cast<const T*>(a.q), a.sequences, a.positions, parts);
        });
      });
    });
    if (status != Status::Ok) return status;
    return launch(gatherKernel<T>, dim3(static_cast<unsigned>(a.rows * s.heads)), dim3(threads), 0, stream, parts, static_cast<T*>(a.out), a.positions, s.window);
  });
}

}  // namespace qt::cuda
