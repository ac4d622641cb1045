// How a thread waits for what no descriptor tells of.
#pragma once
#include <algorithm>
#include <chrono>
#include <thread>

namespace qt {

// The processors belong to the arithmetic: who waits for long looks only now and then. `looked`: how often in vain.
inline void waitALittle(int looked) {
  if (looked < 200) std::this_thread::yield();
  else std::this_thread::sleep_for(std::chrono::microseconds(std::min(500, looked / 4)));
}

}  // namespace qt
