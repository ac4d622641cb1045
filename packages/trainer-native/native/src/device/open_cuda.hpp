#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cuda_library.hpp"

namespace qt {

// Opens the library once for each path; throws std::runtime_error in plain words when that cannot be, or it is of another version.
const CudaLibrary& cudaLibrary(const std::string& path);

// Throws when there is no such device or it cannot be used.
std::unique_ptr<Device> openCuda(const std::string& path, int index, DType precision);
// The same for generation, when it has not the memory, too. The spec is kept by reference.
std::unique_ptr<GenerationDevice> openCudaGeneration(const std::string& path, int index, const ModelSpec& spec, const GenerationOptions& options);

struct CudaDevices {
  std::vector<CudaInfo> devices;
  std::string reason;  // why there are none
};
// `free`: with what is free of each, of which the driver then takes some for this process.
CudaDevices cudaDevices(const std::string& path, bool free);
// What is free of one; 0 where it cannot be asked.
std::size_t freeCudaMemory(const std::string& path, int index);

}  // namespace qt
