// What is asked of either kind of device, and the errors where it cannot be had.
#pragma once
#include <cstddef>
#include <stdexcept>
#include <string>

namespace qt {

// A device has not the memory for what is asked of it: less may do, and so may the same later.
struct OutOfMemory : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A device that runs behind its callers says late that it failed. Want of memory is forgotten by it once it is thrown.
template <class AnyDevice>
void requireWorking(AnyDevice& device) {
  const char* why = device.failure();
  if (why == nullptr) return;
  const std::string text = why;
  if (device.recover()) throw OutOfMemory(text);
  throw std::runtime_error(text);
}

template <class AnyDevice>
unsigned char* takeMemory(AnyDevice& device, std::size_t bytes) {
  unsigned char* memory = device.allocate(bytes);
  if (memory != nullptr) return memory;
  // What it lacked before is a part of this.
  device.recover();
  throw OutOfMemory("the device has not the memory for this: " + std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB more were asked for");
}

}  // namespace qt
