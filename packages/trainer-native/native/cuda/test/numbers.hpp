// Numbers for the tests of kernels.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "../platform.cuh"
#include "philox.hpp"

namespace qt::cuda {

// From −1 to 1, the same for the same index and purpose.
inline float drawn(std::uint64_t index, std::uint32_t purpose) {
  std::uint32_t word[4];
  philox(index, 0, purpose, 4711, word);
  return static_cast<float>(static_cast<std::int32_t>(word[0])) / 2147483648.0f;
}

#ifdef QT_CUDA_EMULATED
inline bool deviceMissing() { return false; }
#else
inline bool deviceMissing() {
  int count = 0;
  return cudaGetDeviceCount(&count) != cudaSuccess || count == 0;
}
#endif

// The one line that a test prints where there is nothing to run it on.
inline int skipped(const char* name, int tests) {
  std::printf("%s: no device: skipped %d\n", name, tests);
  return 0;
}

}  // namespace qt::cuda
