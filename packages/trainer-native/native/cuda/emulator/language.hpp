// CUDA's language for g++: keywords, vector types, and the intrinsics that kernels use.
#pragma once
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __constant__ static const
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) alignas(n)

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

// Where accesses are counted, a vector is loaded and stored at once, as on a device; else GCC would do so number by number.
#ifdef QT_CUDA_COUNTED
template <int Bytes>
inline void moveWhole(void* to, const void* from) {
  using Word = std::conditional_t<Bytes == 16, long long __attribute__((vector_size(16))), long long>;
  Word word;
  std::memcpy(&word, from, Bytes);
  if constexpr (Bytes == 16) asm("" : "+m"(word));
  else asm("" : "+r"(word));
  std::memcpy(to, &word, Bytes);
}
#define QT_VECTOR(Name)                                                 \
  Name() = default;                                                     \
  Name(const Name& o) { moveWhole<sizeof(Name)>(this, &o); }            \
  Name& operator=(const Name& o) { moveWhole<sizeof(Name)>(this, &o); return *this; }
#define QT_PAIR(Name, T) struct alignas(8) Name { T x, y; QT_VECTOR(Name) Name(T x, T y) : x(x), y(y) {} };
#define QT_FOUR(Name, T) struct alignas(16) Name { T x, y, z, w; QT_VECTOR(Name) Name(T x, T y, T z, T w) : x(x), y(y), z(z), w(w) {} };
#else
#define QT_PAIR(Name, T) struct alignas(8) Name { T x, y; };
#define QT_FOUR(Name, T) struct alignas(16) Name { T x, y, z, w; };
#endif
QT_PAIR(int2, int)
QT_FOUR(int4, int)
QT_PAIR(uint2, unsigned)
QT_FOUR(uint4, unsigned)
QT_PAIR(float2, float)
QT_FOUR(float4, float)
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

// Of the thread that runs.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
inline constexpr int warpSize = 32;

inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
// Never part of a fused multiply-add.
template <class T>
T apart(T x) {
  asm("" : "+m"(x));
  return x;
}
inline float __fmul_rn(float a, float b) { return apart(a * b); }
inline float __fadd_rn(float a, float b) { return apart(a) + apart(b); }
inline float __fsub_rn(float a, float b) { return apart(a) - apart(b); }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
inline double __dadd_rn(double a, double b) { return apart(a) + apart(b); }
inline double __dmul_rn(double a, double b) { return apart(a * b); }
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __clz(unsigned x) { return std::countl_zero(x); }
inline int __ffs(unsigned x) { return x == 0 ? 0 : std::countr_zero(x) + 1; }
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(static_cast<std::uint64_t>(a) * b >> 32); }
template <class T>
T __ldg(const T* p) {
  return *p;
}
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
inline unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
inline long min(long a, long b) { return a < b ? a : b; }
inline long max(long a, long b) { return a > b ? a : b; }
