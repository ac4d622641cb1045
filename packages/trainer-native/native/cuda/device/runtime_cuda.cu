#include <cuda_runtime.h>

#include <cstdio>
#include <cstring>
#include <utility>

#include "../platform.cuh"
#include "runtime.hpp"

namespace qt::cuda {
namespace {

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

// Free memory needs a context on the device, which takes memory itself: 0 where there can be none. The thread stays with the device: to go
// back to the one before would make a context there, too, and nothing here relies on it.
bool describe(int index, bool free, CudaInfo& info) {
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
  if (free && (cudaSetDevice(index) != cudaSuccess || cudaMemGetInfo(&info.freeMemory, &info.memory) != cudaSuccess)) info.freeMemory = 0;
  if (cudaDriverGetVersion(&info.driver) != cudaSuccess || cudaRuntimeGetVersion(&info.runtime) != cudaSuccess) info.driver = info.runtime = 0;
  forgetError();
  return true;
}

// The stream of copies waits for `ready`, which the other stream passes; the other one waits for `done`.
struct Runtime::Copies {
  cudaStream_t stream = nullptr;
  cudaEvent_t ready[2] = {}, done[2] = {};

  cudaError_t open() {
    cudaError_t error = cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    for (cudaEvent_t* events : {ready, done})
      for (int place = 0; place < 2 && error == cudaSuccess; ++place) error = cudaEventCreateWithFlags(events + place, cudaEventDisableTiming);
    return error;
  }
  ~Copies() {
    for (const cudaEvent_t* events : {ready, done})
      for (int place = 0; place < 2; ++place)
        if (events[place] != nullptr) cudaEventDestroy(events[place]);
    if (stream != nullptr) cudaStreamDestroy(stream);
  }
};

Runtime::Runtime(int index) : index_(index), copies_(std::make_unique<Copies>()) {
  forgetError();
  if (cudaSetDevice(index_) == cudaSuccess && cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking) == cudaSuccess && copies_->open() == cudaSuccess) return;
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
  ++allocations_;
  void* p = nullptr;
  const bool made = cudaSetDevice(index_) == cudaSuccess && cudaMalloc(&p, bytes == 0 ? 1 : bytes) == cudaSuccess;
  if (made && zero(p, bytes) == Status::Ok) return p;
  if (made) cudaFree(p);
  forgetError();  // the caller may ask for less
  return nullptr;
}

void Runtime::release(void* p) {
  if (p == nullptr) return;
  static_cast<void>(cudaSetDevice(index_));
  cudaFree(p);
}

void* Runtime::allocateHost(std::size_t bytes) {
  void* p = nullptr;
  if (cudaSetDevice(index_) == cudaSuccess && cudaHostAlloc(&p, bytes, cudaHostAllocDefault) == cudaSuccess) return p;
  forgetError();
  return nullptr;
}

void Runtime::releaseHost(void* p) { static_cast<void>(cudaFreeHost(p)); }

Status Runtime::copyBeside(int place, void* to, const void* from, std::size_t bytes) {
  cudaError_t error = cudaEventRecord(copies_->ready[place], stream());
  if (error == cudaSuccess) error = cudaStreamWaitEvent(copies_->stream, copies_->ready[place]);
  if (error == cudaSuccess) error = cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, copies_->stream);
  return statusOf(error == cudaSuccess ? cudaEventRecord(copies_->done[place], copies_->stream) : error);
}

// An event that was never recorded is one that has passed.
Status Runtime::awaitCopy(int place) { return statusOf(cudaStreamWaitEvent(stream(), copies_->done[place])); }

struct Runtime::Graph {
  cudaGraphExec_t steps = nullptr;
  ~Graph() {
    if (steps != nullptr) cudaGraphExecDestroy(steps);
  }
};

Status Runtime::beginCapture() { return statusOf(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeThreadLocal)); }

Runtime::Captured Runtime::endCapture() {
  cudaGraph_t captured = nullptr;
  auto graph = std::make_shared<Graph>();
  std::size_t nodes = 0;
  cudaError_t error = cudaStreamEndCapture(stream(), &captured);
  if (error == cudaSuccess) error = cudaGraphGetNodes(captured, nullptr, &nodes);
  if (error == cudaSuccess) error = cudaGraphInstantiate(&graph->steps, captured, 0);
  if (captured != nullptr) cudaGraphDestroy(captured);
  if (error == cudaSuccess) return {std::move(graph), nodes};
  forgetError();
  return {};
}

Status Runtime::replay(const Graph& graph) { return statusOf(cudaGraphLaunch(graph.steps, stream())); }

// Waits: CUDA does not promise that it has read the caller's memory before.
Status Runtime::copyIn(void* to, const void* callers, std::size_t bytes) {
  const Status status = statusOf(cudaMemcpyAsync(to, callers, bytes, cudaMemcpyHostToDevice, stream()));
  return status == Status::Ok ? statusOf(cudaStreamSynchronize(stream_)) : status;
}

Status Runtime::copyOut(void* callers, const void* from, std::size_t bytes) {
  const Status status = statusOf(cudaMemcpyAsync(callers, from, bytes, cudaMemcpyDeviceToHost, stream()));
  return status == Status::Ok ? statusOf(cudaStreamSynchronize(stream_)) : status;
}

Status Runtime::zero(void* to, std::size_t bytes) { return statusOf(cudaMemsetAsync(to, 0, bytes, stream())); }

Status Runtime::copy(void* to, const void* from, std::size_t bytes) { return statusOf(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream())); }

std::string Runtime::place() const {
  char bus[32] = "";
  return cudaDeviceGetPCIBusId(bus, sizeof bus, index_) == cudaSuccess ? bus : "GPU " + std::to_string(index_);
}

const char* Runtime::reason() const { return cudaGetErrorString(cudaGetLastError()); }

}  // namespace qt::cuda
