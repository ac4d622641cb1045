#include <cuda_runtime.h>

#include <cstdio>
#include <cstring>

#include "runtime.hpp"

namespace qt::cuda {
namespace {

Status checked(cudaError_t error) { return error == cudaSuccess ? Status::Ok : Status::LaunchFailed; }

}  // namespace

int countDevices(char* reason, std::size_t reasonBytes) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess) return count;
  static_cast<void>(cudaGetLastError());
  std::snprintf(reason, reasonBytes, "%s", cudaGetErrorString(error));
  return 0;
}

bool describe(int index, CudaInfo& info) {
  cudaDeviceProp properties{};
  if (cudaGetDeviceProperties(&properties, index) != cudaSuccess || cudaSetDevice(index) != cudaSuccess) return false;
  info = {};
  std::snprintf(info.name, sizeof info.name, "%s", properties.name);
  info.major = properties.major;
  info.minor = properties.minor;
  return cudaMemGetInfo(&info.freeMemory, &info.memory) == cudaSuccess && cudaDriverGetVersion(&info.driver) == cudaSuccess &&
         cudaRuntimeGetVersion(&info.runtime) == cudaSuccess;
}

Runtime::Runtime(int index) : index_(index) {
  if (cudaSetDevice(index_) != cudaSuccess || cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking) != cudaSuccess) stream_ = nullptr;
}

Runtime::~Runtime() {
  if (stream_ != nullptr) cudaStreamDestroy(stream_);
}

void* Runtime::allocate(std::size_t bytes) {
  void* p = nullptr;
  if (cudaSetDevice(index_) != cudaSuccess || cudaMalloc(&p, bytes == 0 ? 1 : bytes) != cudaSuccess) return nullptr;
  if (zero(p, bytes) == Status::Ok) return p;
  cudaFree(p);
  return nullptr;
}

void Runtime::release(void* p) { cudaFree(p); }

// From memory that is not pinned the runtime copies to a place of its own before it returns.
Status Runtime::copyIn(void* to, const void* callers, std::size_t bytes) {
  return checked(cudaMemcpyAsync(to, callers, bytes, cudaMemcpyHostToDevice, stream_));
}

Status Runtime::copyOut(void* callers, const void* from, std::size_t bytes) {
  const Status status = checked(cudaMemcpyAsync(callers, from, bytes, cudaMemcpyDeviceToHost, stream_));
  return status == Status::Ok ? checked(cudaStreamSynchronize(stream_)) : status;
}

Status Runtime::zero(void* to, std::size_t bytes) { return checked(cudaMemsetAsync(to, 0, bytes, stream_)); }
Status Runtime::move(void* to, const void* from, std::size_t bytes) {
  return checked(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_));
}

const char* Runtime::reason() const { return cudaGetErrorString(cudaGetLastError()); }

}  // namespace qt::cuda
