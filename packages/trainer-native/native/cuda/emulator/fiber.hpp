// A stack of its own for each thread of a block, and the switch between two of them.
#pragma once
#include <cstddef>

namespace qt::cuda::emulator {

class Fiber {
 public:
  Fiber();  // at most `most` ever; their stacks are kept
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // The next resume() calls entry(), which must not return. What the fiber did before is forgotten.
  void start(void (*entry)());
  // Runs until it suspends.
  void resume();
  // From inside: back to whoever resumed.
  void suspend();
  static bool onAnyStack(const void* p);

  static constexpr int most = 1024;
  static constexpr std::size_t bytes = 256 * 1024;  // the lowest page is a guard

 private:
  void* stack_;
  void* here_ = nullptr;    // stack pointer while suspended
  void* caller_ = nullptr;  // of whoever resumed it
};

}  // namespace qt::cuda::emulator
