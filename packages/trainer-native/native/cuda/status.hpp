// What every launch function takes and returns, without CUDA's headers.
#pragma once

struct CUstream_st;

namespace qt::cuda {

using Stream = CUstream_st*;  // cudaStream_t; of the emulator only lines beside the device's own are one

enum class [[nodiscard]] Status : int {
  Ok = 0,
  BadShape,      // no kernel for these sizes, types or alignments
  LaunchFailed,  // the driver refused the launch
  OutOfMemory,   // the driver has no memory left for this
  Fault,         // the emulator caught the kernel in what a device would not define
};

}  // namespace qt::cuda
