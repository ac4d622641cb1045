// Who is told of what kernels do (counts.hpp). None is, unless a program names one.
#pragma once
#include <cstdint>

#include "language.hpp"

namespace qt::cuda::emulator {

enum class Space : std::uint8_t { Global, Shared };

// By one lane. `code` is where in the program: lanes of a warp that are there as often have made one request together.
struct Access {
  unsigned thread;
  Space space;
  std::uintptr_t at;  // in shared memory: from its beginning
  std::uint32_t bytes;
  bool write;
  const void* code;
};

// What a warp does at once, or a block.
enum class Together : std::uint8_t { Multiply, LoadMatrices, Collective, Barrier };

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void beginLaunch(const void* kernel, dim3 grid, dim3 block, std::size_t sharedBytes) = 0;
  virtual void endBlock() = 0;
  virtual void access(const Access& a) = 0;
  virtual void together(Together what) = 0;
};

inline Observer* observer = nullptr;
// The kernel that launch() was given, which run() is told of by a function that calls it.
inline const void* launching = nullptr;

}  // namespace qt::cuda::emulator
