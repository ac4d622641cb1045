// What the device's side asks of CUDA's runtime: memory, copies, one stream. One implementation for devices (runtime_cuda.cu), one for
// the emulator, whose memory is the processor's (runtime_emulated.cpp).
#pragma once
#include <cstddef>
#include <memory>
#include <string>

#include "../status.hpp"
#include "device/cuda_library.hpp"

namespace qt::cuda {

// As CudaLibrary says.
int countDevices(char* reason, std::size_t reasonBytes);
bool describe(int index, bool free, CudaInfo& info);

#ifdef QT_CUDA_EMULATED
namespace emulator {
// How many launches later a copy beside the step is done, unless it is waited for before; −1: then only. Either may be on a device.
inline int copyDelay = -1;
// How many captures the driver has memory for, and how many launches of what was captured; −1: all.
inline int capturesLeft = -1, replaysLeft = -1;
// Of all devices of this process.
std::size_t bytesTaken();
// From here on memory that is taken can be touched by kernels and copies alone, as a device's. For one thread that asks.
void setApart();
}  // namespace emulator
#endif

// One device and one stream: copies and kernels happen in the order in which they were asked for. Beside it a second one for copies alone.
class Runtime {
 public:
  explicit Runtime(int index);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Zeroed; null when there is not so much.
  void* allocate(std::size_t bytes);
  void release(void* p);
  // How often memory was asked for.
  std::size_t allocations() const { return allocations_; }
  // Of the machine, page-locked; null when there is not so much.
  void* allocateHost(std::size_t bytes);
  void releaseHost(void* p);
  // As Device says.
  Status copyBeside(int place, void* to, const void* from, std::size_t bytes);
  Status awaitCopy(int place);
  // From here on launches on the stream are kept instead of done, until endCapture gives them (null: they cannot be had) to be done by replay. No
  // memory may be asked for, and nothing be copied, in between.
  struct Graph;
  struct Captured {
    std::shared_ptr<Graph> graph;
    std::size_t nodes = 0;  // launches in it
  };
  Status beginCapture();
  Captured endCapture();
  Status replay(const Graph& graph);
  // The caller's memory may change when this returns.
  Status copyIn(void* to, const void* callers, std::size_t bytes);
  // Returns when it is there.
  Status copyOut(void* callers, const void* from, std::size_t bytes);
  Status zero(void* to, std::size_t bytes);
  // From one place of the device to another.
  Status copy(void* to, const void* from, std::size_t bytes);
  // What is launched next is launched on this device, whichever thread asks.
  Stream stream() const;
  // Which device this is, alike in all processes of the machine that use it.
  std::string place() const;
  // Whether the device could be opened.
  Status opened() const { return opened_; }
  // Of the last call that failed, or of a kernel that failed since.
  const char* reason() const;

 private:
  int index_;
  Stream stream_ = nullptr;
  std::size_t allocations_ = 0;
  struct Copies;
  std::unique_ptr<Copies> copies_;
  Status opened_ = Status::Ok;
};

}  // namespace qt::cuda
