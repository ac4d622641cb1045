#include <cuda_runtime.h>

#include <cstdio>
#include <cstring>

#include "runtime.hpp"

namespace qt::cuda {
namespace {

Status checked(cudaError_t error) { return error == cudaSuccess ? Status::Ok : Status::LaunchFailed; }

// An error that nobody read would be taken for that of the next launch.
void forgetError() { static_cast<void>(cudaGetLastError()); }

}  // namespace

int countDevices(char* reason, std::size_t reasonBytes) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess) return count;
  forgetError();
  std::snprintf(reason, reasonBytes, "%s", cudaGetErrorString(error));
  return 0;
}

// Free memory needs a context on the device, which takes memory itself: 0 where there can be none.
bool describe(int index, CudaInfo& info) {
  info = {};
  cudaDeviceProp properties{};
  if (cudaGetDeviceProperties(&properties, index) != cudaSuccess) {
    forgetError();
    return false;
  }
  std::snprintf(info.name, sizeof info.name, "%s", properties.name);
  info.memory = properties.totalGlobalMem;
  info.major = properties.major;
  info.minor = properties.minor;
  int before = 0;
  if (cudaGetDevice(&before) != cudaSuccess || cudaSetDevice(index) != cudaSuccess || cudaMemGetInfo(&info.freeMemory, &info.memory) != cudaSuccess)
    info.freeMemory = 0;
  if (cudaDriverGetVersion(&info.driver) != cudaSuccess || cudaRuntimeGetVersion(&info.runtime) != cudaSuccess) info.driver = info.runtime = 0;
  static_cast<void>(cudaSetDevice(before));
  forgetError();
  return true;
}

Runtime::Runtime(int index) : index_(index) {
  forgetError();
  if (cudaSetDevice(index_) == cudaSuccess && cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking) == cudaSuccess) return;
  stream_ = nullptr;
  opened_ = Status::LaunchFailed;
}

Runtime::~Runtime() {
  if (stream_ != nullptr) cudaStreamDestroy(stream_);
}

// The current device is one of each thread's own.
Stream Runtime::stream() const {
  static_cast<void>(cudaSetDevice(index_));
  return stream_;
}

void* Runtime::allocate(std::size_t bytes) {
  void* p = nullptr;
  if (cudaSetDevice(index_) != cudaSuccess || cudaMalloc(&p, bytes == 0 ? 1 : bytes) != cudaSuccess) return nullptr;
  if (zero(p, bytes) == Status::Ok) return p;
  cudaFree(p);
  return nullptr;
}

void Runtime::release(void* p) {
  if (p == nullptr) return;
  static_cast<void>(cudaSetDevice(index_));
  cudaFree(p);
}

// Waits: CUDA does not promise that it has read the caller's memory before.
Status Runtime::copyIn(void* to, const void* callers, std::size_t bytes) {
  const Status status = checked(cudaMemcpyAsync(to, callers, bytes, cudaMemcpyHostToDevice, stream()));
  return status == Status::Ok ? checked(cudaStreamSynchronize(stream_)) : status;
}

Status Runtime::copyOut(void* callers, const void* from, std::size_t bytes) {
  const Status status = checked(cudaMemcpyAsync(callers, from, bytes, cudaMemcpyDeviceToHost, stream()));
  return status == Status::Ok ? checked(cudaStreamSynchronize(stream_)) : status;
}

Status Runtime::zero(void* to, std::size_t bytes) { return checked(cudaMemsetAsync(to, 0, bytes, stream())); }

std::string Runtime::place() const {
  char bus[32] = "";
  return cudaDeviceGetPCIBusId(bus, sizeof bus, index_) == cudaSuccess ? bus : "GPU " + std::to_string(index_);
}

const char* Runtime::reason() const { return cudaGetErrorString(cudaGetLastError()); }

}  // namespace qt::cuda
