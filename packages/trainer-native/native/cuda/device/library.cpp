#include <cstdio>
#include <exception>
#include <memory>
#include <string>

#include "cuda_generation.hpp"

namespace qt::cuda {
namespace {

int count(char* reason, std::size_t reasonBytes) noexcept { return countDevices(reason, reasonBytes); }
bool describeOne(int index, bool free, CudaInfo* info) noexcept { return describe(index, free, *info); }

// Whether there is such a device, and it can be used.
bool usable(int index, char* reason, std::size_t reasonBytes) {
  const int devices = countDevices(reason, reasonBytes);
  if (devices == 0) return false;
  if (index < 0 || index >= devices) {
    std::snprintf(reason, reasonBytes, "this machine has %d, numbered from 0", devices);
    return false;
  }
  if (CudaInfo info{}; describe(index, false, info) && info.major < 8) {
    std::snprintf(reason, reasonBytes, "it has compute capability %d.%d; 8.0 or newer is needed", info.major, info.minor);
    return false;
  }
  return true;
}

// What make() makes. Nothing is thrown across libraries.
template <class Made>
auto opened(int index, char* reason, std::size_t reasonBytes, const Made& make) -> decltype(make().release()) {
  if (!usable(index, reason, reasonBytes)) return nullptr;
  try {
    auto device = make();
    if (device->failure() == nullptr) return device.release();
    std::snprintf(reason, reasonBytes, "%s", device->failure());
  } catch (const std::exception& e) {
    std::snprintf(reason, reasonBytes, "%s", e.what());
  }
  return nullptr;
}

Device* open(int index, DType precision, char* reason, std::size_t reasonBytes) noexcept {
  return opened(index, reason, reasonBytes, [&] { return std::make_unique<CudaDevice>(index, precision); });
}

GenerationDevice* openGeneration(int index, const ModelSpec& spec, const GenerationOptions& options, char* reason, std::size_t reasonBytes) noexcept {
  return opened(index, reason, reasonBytes, [&] { return std::make_unique<CudaGeneration>(index, spec, options); });
}

const DeviceNeeds* needs(DType precision) noexcept {
  static const CudaNeeds of[] = {CudaNeeds(DType::F32), CudaNeeds(DType::BF16)};
  return &of[precision == DType::BF16];
}

template <class Library>
CudaPart partOf(const Library* (*open)(std::string*)) {
  CudaPart part{};
  std::string why;
  const Library* found = open(&why);
  std::snprintf(part.version, sizeof part.version, "%s", found == nullptr ? "" : found->name.c_str());
  std::snprintf(part.why, sizeof part.why, "%s", why.c_str());
  return part;
}

void parts(CudaParts* out) noexcept { *out = {partOf(cublasLtLibrary), partOf(ncclLibrary)}; }

}  // namespace
}  // namespace qt::cuda

extern "C" __attribute__((visibility("default"))) const qt::CudaLibrary* qt_cuda_library() noexcept {
  static const qt::CudaLibrary library{qt::cudaInterface, qt::cuda::count, qt::cuda::describeOne, qt::cuda::open, qt::cuda::needs, qt::cuda::openGeneration, qt::cuda::parts};
  return &library;
}
