// A stack of its own for each thread of a block, and the switch between two of them.
#pragma once
#include <cstddef>

namespace qt::cuda::emulator {

class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // The next resume() calls entry(), which must not return. What the fiber did before is forgotten.
  void start(void (*entry)());
  // Runs until it suspends.
  void resume();
  // From inside: back to whoever resumed.
  void suspend();
  bool owns(const void* p) const { return p >= stack_ && p < static_cast<const char*>(stack_) + bytes; }

  static constexpr std::size_t bytes = 256 * 1024;  // the lowest page is a guard

 private:
  void* stack_;
  void* here_ = nullptr;    // stack pointer while suspended
  void* caller_ = nullptr;  // of whoever resumed it
};

}  // namespace qt::cuda::emulator
