// bfloat16 as it is stored. Conversions are written out so that the device and the emulator round alike: to nearest, ties to even, and
// every NaN is 0x7fff (which is what cvt.rn.bf16 gives).
#pragma once
#include <bit>
#include <cstdint>

namespace qt::cuda {

struct bf16 {
  std::uint16_t bits;
};

__host__ __device__ inline float widen(bf16 x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16); }
__host__ __device__ inline float widen(float x) { return x; }

// Two numbers in one register, `low` in the lower half.
__host__ __device__ inline std::uint32_t packBf16(float low, float high) {
#ifdef __CUDA_ARCH__
  std::uint32_t out;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(high), "f"(low));
  return out;
#else
  const auto round = [](float x) -> std::uint32_t {
    if (x != x) return 0x7fff;
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
    return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  };
  return round(low) | round(high) << 16;
#endif
}
__host__ __device__ inline bf16 narrow(float x) { return {static_cast<std::uint16_t>(packBf16(x, 0.0f))}; }

__host__ __device__ inline float lowOf(std::uint32_t pair) { return std::bit_cast<float>(pair << 16); }
__host__ __device__ inline float highOf(std::uint32_t pair) { return std::bit_cast<float>(pair & 0xffff0000u); }

__host__ __device__ inline float load(const float* p) { return *p; }
__host__ __device__ inline float load(const bf16* p) { return widen(*p); }
__host__ __device__ inline void store(float* p, float v) { *p = v; }
__host__ __device__ inline void store(bf16* p, float v) { *p = narrow(v); }

// Eight consecutive numbers, 16-byte aligned.
__host__ __device__ inline void load8(const float* p, float (&v)[8]) {
  const float4 a = reinterpret_cast<const float4*>(p)[0], b = reinterpret_cast<const float4*>(p)[1];
  v[0] = a.x; v[1] = a.y; v[2] = a.z; v[3] = a.w;
  v[4] = b.x; v[5] = b.y; v[6] = b.z; v[7] = b.w;
}
__host__ __device__ inline void load8(const bf16* p, float (&v)[8]) {
  const uint4 a = *reinterpret_cast<const uint4*>(p);
  v[0] = lowOf(a.x); v[1] = highOf(a.x); v[2] = lowOf(a.y); v[3] = highOf(a.y);
  v[4] = lowOf(a.z); v[5] = highOf(a.z); v[6] = lowOf(a.w); v[7] = highOf(a.w);
}
__host__ __device__ inline void store8(float* p, const float (&v)[8]) {
  reinterpret_cast<float4*>(p)[0] = make_float4(v[0], v[1], v[2], v[3]);
  reinterpret_cast<float4*>(p)[1] = make_float4(v[4], v[5], v[6], v[7]);
}
__host__ __device__ inline void store8(bf16* p, const float (&v)[8]) {
  *reinterpret_cast<uint4*>(p) = make_uint4(packBf16(v[0], v[1]), packBf16(v[2], v[3]), packBf16(v[4], v[5]), packBf16(v[6], v[7]));
}

}  // namespace qt::cuda
