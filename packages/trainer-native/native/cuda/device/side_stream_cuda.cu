#include <cuda_runtime.h>

#include "side_stream.hpp"

namespace qt::cuda {
namespace {

cudaEvent_t eventOf(void* event) { return static_cast<cudaEvent_t>(event); }

}  // namespace

SideStream::SideStream(const Runtime& runtime) : runtime_(runtime) {
  static_cast<void>(runtime_.stream());  // the device that it becomes one of
  cudaEvent_t event = nullptr;
  if (cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking) != cudaSuccess) stream_ = nullptr;
  if (cudaEventCreateWithFlags(&event, cudaEventDisableTiming) == cudaSuccess) event_ = event;
  for (void*& mark : marks_)
    if (cudaEventCreateWithFlags(&event, cudaEventDisableTiming) == cudaSuccess) mark = event;
}

SideStream::~SideStream() {
  if (event_ != nullptr) cudaEventDestroy(eventOf(event_));
  for (void* mark : marks_)
    if (mark != nullptr) cudaEventDestroy(eventOf(mark));
  if (stream_ != nullptr) cudaStreamDestroy(stream_);
}

Stream SideStream::stream() const {
  static_cast<void>(runtime_.stream());
  return stream_;
}

Status SideStream::follow() {
  if (stream_ == nullptr || event_ == nullptr) return Status::LaunchFailed;
  if (cudaEventRecord(eventOf(event_), runtime_.stream()) != cudaSuccess) return Status::LaunchFailed;
  return cudaStreamWaitEvent(stream_, eventOf(event_), 0) == cudaSuccess ? Status::Ok : Status::LaunchFailed;
}

Status SideStream::mark(std::uint64_t number) {
  void* mark = marks_[number % marks_.size()];
  return mark != nullptr && cudaEventRecord(eventOf(mark), stream()) == cudaSuccess ? Status::Ok : Status::LaunchFailed;
}

Status SideStream::lead(std::uint64_t number) {
  void* mark = marks_[number % marks_.size()];
  return mark != nullptr && cudaStreamWaitEvent(runtime_.stream(), eventOf(mark), 0) == cudaSuccess ? Status::Ok : Status::LaunchFailed;
}

SideStream::State SideStream::state() const {
  const cudaError_t found = cudaStreamQuery(stream());
  if (found == cudaSuccess) return State::Done;
  if (found != cudaErrorNotReady) return State::Failed;
  // No failure; but who launches next would take it for that of the launch.
  static_cast<void>(cudaGetLastError());
  return State::Working;
}

}  // namespace qt::cuda
