#include "open_cuda.hpp"

#ifndef _WIN32
#include <dlfcn.h>
#endif

#include <cstdio>
#include <map>
#include <mutex>
#include <stdexcept>

namespace qt {

#ifdef _WIN32

const CudaLibrary& cudaLibrary(const std::string&) { throw std::runtime_error("GPUs are not supported on Windows yet"); }

#else

const CudaLibrary& cudaLibrary(const std::string& path) {
  static std::mutex mutex;
  static std::map<std::string, const CudaLibrary*> opened;
  const std::lock_guard lock(mutex);
  if (const auto found = opened.find(path); found != opened.end()) return *found->second;
  // Never closed: the driver's threads may outlive whoever asked for it.
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw std::runtime_error("the library for GPUs cannot be opened: " + std::string(dlerror()));
  const auto function = reinterpret_cast<CudaLibraryFunction>(dlsym(handle, cudaLibrarySymbol));
  const CudaLibrary* library = function == nullptr ? nullptr : function();
  if (library == nullptr) throw std::runtime_error(path + " is no library for GPUs of this engine");
  if (library->interface != cudaInterface)
    throw std::runtime_error("the library for GPUs at " + path + " is of another version than the engine: install both at the same version");
  return *(opened[path] = library);
}

#endif

namespace {

// What open(reason, its bytes) opens.
template <class Opened, class Open>
std::unique_ptr<Opened> orRefused(int index, const Open& open) {
  char reason[512] = "";
  std::unique_ptr<Opened> device(open(reason, sizeof reason));
  if (!device) throw std::runtime_error("GPU " + std::to_string(index) + " cannot be used: " + reason);
  return device;
}

}  // namespace

std::unique_ptr<Device> openCuda(const std::string& path, int index, DType precision) {
  return orRefused<Device>(index, [&](char* reason, std::size_t bytes) { return cudaLibrary(path).open(index, precision, reason, bytes); });
}

std::unique_ptr<GenerationDevice> openCudaGeneration(const std::string& path, int index, const ModelSpec& spec, const GenerationOptions& options) {
  return orRefused<GenerationDevice>(index, [&](char* reason, std::size_t bytes) { return cudaLibrary(path).openGeneration(index, spec, options, reason, bytes); });
}

CudaDevices cudaDevices(const std::string& path, bool free) {
  const CudaLibrary& library = cudaLibrary(path);
  char reason[512] = "";
  CudaDevices found{{}, {}};
  const int count = library.count(reason, sizeof reason);
  for (int i = 0; i < count; ++i) {
    // Numbers are CUDA's, so one that cannot be asked has its place all the same.
    CudaInfo info{};
    if (!library.describe(i, free, &info)) std::snprintf(info.name, sizeof info.name, "unknown");
    found.devices.push_back(info);
  }
  if (found.devices.empty()) found.reason = reason;
  return found;
}

std::size_t freeCudaMemory(const std::string& path, int index) {
  CudaInfo info{};
  return cudaLibrary(path).describe(index, true, &info) ? info.freeMemory : 0;
}

}  // namespace qt
