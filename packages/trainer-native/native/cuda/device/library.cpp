#include <cstdio>
#include <new>

#include "cuda_device.hpp"

namespace qt::cuda {
namespace {

int count(char* reason, std::size_t reasonBytes) { return countDevices(reason, reasonBytes); }
bool describeOne(int index, CudaInfo* info) { return describe(index, *info); }

Device* open(int index, DType precision, char* reason, std::size_t reasonBytes) {
  const int devices = countDevices(reason, reasonBytes);
  if (devices == 0) return nullptr;
  if (index < 0 || index >= devices) {
    std::snprintf(reason, reasonBytes, "this machine has %d, numbered from 0", devices);
    return nullptr;
  }
  auto* device = new CudaDevice(index, precision);
  if (device->failure() == nullptr) return device;
  std::snprintf(reason, reasonBytes, "%s", device->failure());
  delete device;
  return nullptr;
}

const DeviceNeeds* needs(DType precision) {
  static const CudaNeeds of[] = {CudaNeeds(DType::F32), CudaNeeds(DType::BF16)};
  return &of[precision == DType::BF16];
}

}  // namespace
}  // namespace qt::cuda

extern "C" __attribute__((visibility("default"))) const qt::CudaLibrary* qt_cuda_library() {
  static const qt::CudaLibrary library{qt::cudaInterface, qt::cuda::count, qt::cuda::describeOne, qt::cuda::open, qt::cuda::needs};
  return &library;
}
