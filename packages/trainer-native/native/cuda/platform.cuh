// What kernels include. nvcc compiles them for devices; g++ (QT_CUDA_EMULATED) for an emulator, so that every kernel runs, and is compared
// with the CPU's, on machines that have no GPU. Both offer:
//   CUDA's keywords, threadIdx …, __syncthreads, __syncwarp, __shfl_*_sync, __ballot_sync, vector types
//   dynamicShared<T>()              the block's dynamic shared memory
//   launch(kernel, grid, block, sharedBytes, stream, arguments…)
//   mmaBf16, mmaTf32, ldmatrixX4, ldmatrixX4Trans, cpAsync16, cpAsyncCommit, cpAsyncWait<N>
//   qtExp2, qtExp, qtDivide    fast on a device; as far off in the emulator as they may be there
// The emulator fills dynamic shared memory with NaN before each block, writes what cp.async copies only when it is waited for, and reports
// barriers that not all threads reach, rows outside shared memory, and writes behind its end. A static __shared__ variable is watched by
// the race check alone: keep arrays in dynamic shared memory.
#pragma once
#include "status.hpp"

#ifdef QT_CUDA_EMULATED
#include "emulator/language.hpp"
#include "bf16.cuh"
#include "emulator/emulator.hpp"
#else
#include <cuda_runtime.h>

#include "bf16.cuh"
#include "device.cuh"
#endif
