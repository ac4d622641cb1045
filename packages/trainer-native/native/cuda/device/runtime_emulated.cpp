#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

#include "../platform.cuh"
#include "runtime.hpp"

namespace qt::cuda {

int countDevices(char*, std::size_t) { return 1; }

bool describe(int index, CudaInfo& info) {
  if (index != 0) return false;
  info = {"CUDA emulator", std::size_t{8} << 30, std::size_t{8} << 30, 9, 0, 13000, 13000};
  return true;
}

Runtime::Runtime(int index) : index_(index) {}
Runtime::~Runtime() = default;

Stream Runtime::stream() const { return stream_; }

void* Runtime::allocate(std::size_t bytes) { return std::calloc(1, bytes == 0 ? 1 : bytes); }
void Runtime::release(void* p) { std::free(p); }

Status Runtime::copyIn(void* to, const void* callers, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, callers, bytes);
  return Status::Ok;
}

Status Runtime::copyOut(void* callers, const void* from, std::size_t bytes) { return copyIn(callers, from, bytes); }

Status Runtime::zero(void* to, std::size_t bytes) {
  std::memset(to, 0, bytes);
  return Status::Ok;
}

// Every process has an emulator of its own.
std::string Runtime::place() const { return "emulator " + std::to_string(getpid()); }

const char* Runtime::reason() const { return emulator::lastFault().c_str(); }

}  // namespace qt::cuda
