#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>

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

// Copies that were asked for and are not done before they are waited for, or at a time of their own: whoever does not wait finds something
// else.
struct Runtime::Copies {
  struct Copy {
    int place;
    void* to;
    const void* from;
    std::size_t bytes;
    int launches;  // until it is done
  };
  std::deque<Copy> pending;

  void copyNext() {
    const Copy copy = pending.front();
    pending.pop_front();
    std::memcpy(copy.to, copy.from, copy.bytes);
  }
};

Runtime::Runtime(int index) : index_(index), copies_(std::make_unique<Copies>()) {}
Runtime::~Runtime() = default;

Stream Runtime::stream() const {
  while (!copies_->pending.empty() && copies_->pending.front().launches == 0) copies_->copyNext();
  for (Copies::Copy& copy : copies_->pending) --copy.launches;
  return stream_;
}

void* Runtime::allocate(std::size_t bytes) {
  ++allocations_;
  return std::calloc(1, bytes == 0 ? 1 : bytes);
}
void Runtime::release(void* p) { std::free(p); }

Status Runtime::copyIn(void* to, const void* callers, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, callers, bytes);
  return Status::Ok;
}

Status Runtime::copyOut(void* callers, const void* from, std::size_t bytes) { return copyIn(callers, from, bytes); }

void* Runtime::allocateHost(std::size_t bytes) { return std::malloc(bytes); }
void Runtime::releaseHost(void* p) { std::free(p); }

Status Runtime::copyBeside(int place, void* to, const void* from, std::size_t bytes) {
  copies_->pending.push_back({place, to, from, bytes, emulator::copyDelay});
  return Status::Ok;
}

// One after the other, up to the last one of the place.
Status Runtime::awaitCopy(int place) {
  std::deque<Copies::Copy>& pending = copies_->pending;
  while (std::any_of(pending.begin(), pending.end(), [&](const Copies::Copy& c) { return c.place == place; })) copies_->copyNext();
  return Status::Ok;
}

Status Runtime::zero(void* to, std::size_t bytes) {
  std::memset(to, 0, bytes);
  return Status::Ok;
}

Status Runtime::copy(void* to, const void* from, std::size_t bytes) { return copyIn(to, from, bytes); }

// Every process has an emulator of its own.
std::string Runtime::place() const { return "emulator " + std::to_string(getpid()); }

const char* Runtime::reason() const { return emulator::lastFault().c_str(); }

}  // namespace qt::cuda
