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
CudaDevices cudaDevices(const std::string& path);

}  // namespace qt
