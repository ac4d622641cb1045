// The device's side of platform.cuh: PTX of sm_80 and newer.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>

namespace qt::cuda {

inline constexpr bool emulated = false;

template <class T>
__device__ inline T* dynamicShared() {
  extern __shared__ __align__(1024) unsigned char qtDynamicShared[];
  return reinterpret_cast<T*>(qtDynamicShared);
}

// Kernels are brought to the device as they are first launched, so that a launch may want memory, too.
inline Status statusOf(cudaError_t error) {
  return error == cudaSuccess ? Status::Ok : error == cudaErrorMemoryAllocation ? Status::OutOfMemory : Status::LaunchFailed;
}

// More than 48 KB of shared memory has to be asked for.
template <class... P>
Status launch(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t sharedBytes, Stream stream, std::type_identity_t<P>... arguments) {
  if (sharedBytes > 48 * 1024) {
    const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(sharedBytes));
    if (error != cudaSuccess) return statusOf(error);
  }
  kernel<<<grid, block, sharedBytes, stream>>>(arguments...);
  // Left for whoever says why (Runtime::reason).
  return statusOf(cudaPeekAtLastError());
}

__device__ inline std::uint32_t sharedAddress(const void* p) { return static_cast<std::uint32_t>(__cvta_generic_to_shared(p)); }

// d += a·b for a 16×16 tile and a 16×8 one.
__device__ inline void mmaBf16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
// d += a·b for a 16×8 tile and an 8×8 one, of float32 whose 13 lowest bits are not read.
__device__ inline void mmaTf32(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Four 8×8 matrices of 16-bit numbers; lane 8·i + r names row r of matrix i, 16 bytes in shared memory.
__device__ inline void ldmatrixX4(std::uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(sharedAddress(row))
               : "memory");
}
__device__ inline void ldmatrixX4Trans(std::uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(sharedAddress(row))
               : "memory");
}

// 16 bytes from global to shared memory, of which the first `bytes` are read and the rest become 0.
__device__ inline void cpAsync16(void* to, const void* from, int bytes = 16) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(sharedAddress(to)), "l"(from), "r"(bytes) : "memory");
}
__device__ inline void cpAsyncCommit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Until all but the last N groups of this thread have arrived; other threads see them after a barrier.
template <int N>
__device__ inline void cpAsyncWait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

__device__ inline float qtExp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ inline float qtExp(float x) { return __expf(x); }
__device__ inline float qtDivide(float a, float b) { return __fdividef(a, b); }

}  // namespace qt::cuda
