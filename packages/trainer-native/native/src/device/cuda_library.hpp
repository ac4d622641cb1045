// The library for NVIDIA GPUs is a package of its own, opened at run time (open_cuda.cpp). This is all that the two know of each other,
// besides the interface of a device.
#pragma once
#include <cstddef>
#include <cstdint>

#include "device.hpp"
#include "generation.hpp"

namespace qt {

struct CudaInfo {
  char name[256];
  std::size_t memory, freeMemory;  // bytes; what is free: 0 where it was not asked for
  int major, minor;                // compute capability
  int driver, runtime;             // as CUDA numbers its versions: 13000
};

// A library of NVIDIA's that is opened at run time: `why` is empty where it can be used.
struct CudaPart {
  char version[64];
  char why[256];
};

struct CudaParts {
  CudaPart cublasLt, nccl;
};

// Grows whenever Device, GenerationDevice or what follows changes.
inline constexpr std::uint32_t cudaInterface = 8;

// Each of the two has a C++ runtime of its own, so that no exception goes from one into the other: what fails in a device is its failure(), what
// cannot be made is null, and what the library calls back throws nothing.

struct CudaLibrary {
  std::uint32_t interface;
  // How many devices there are; `reason` says in a line why there is none.
  int (*count)(char* reason, std::size_t reasonBytes) noexcept;
  // To say what is free the driver takes some 500 MB of the device, for as long as the process lives.
  bool (*describe)(int index, bool free, CudaInfo* info) noexcept;
  // Null when it cannot be opened.
  Device* (*open)(int index, DType precision, char* reason, std::size_t reasonBytes) noexcept;
  const DeviceNeeds* (*needs)(DType precision) noexcept;
  GenerationDevice* (*openGeneration)(int index, const ModelSpec& spec, const GenerationOptions& options, char* reason, std::size_t reasonBytes) noexcept;
  // Opens them.
  void (*parts)(CudaParts* parts) noexcept;
};

inline constexpr const char* cudaLibrarySymbol = "qt_cuda_library";
using CudaLibraryFunction = const CudaLibrary* (*)() noexcept;

}  // namespace qt
