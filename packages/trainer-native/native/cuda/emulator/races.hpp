// Who touched a block's shared memory last, and whether a barrier lies between: two threads may not touch a byte, one of them writing,
// unless __syncthreads, or in one warp __syncwarp, was between them. Also bytes of global memory that two blocks of a launch write, or one
// writes and a later one reads.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace qt::cuda::emulator {

class Races {
 public:
  void beginLaunch() { written_.clear(); }
  void beginBlock(const void* shared, std::size_t bytes, std::uint64_t block);
  void blockBarrier() { ++phase_; }
  void warpBarrier(unsigned warp) { ++warpPhases_[warp]; }

  // Empty, or what is wrong with it.
  std::string sharedAccess(unsigned thread, const void* at, std::size_t bytes, bool write);
  std::string globalAccess(const void* at, std::size_t bytes, bool write);

 private:
  struct Access {
    std::uint64_t phase = 0;      // 0: never
    std::uint64_t warpPhase = 0;
    std::uint16_t thread = 0;
    bool manyThreads = false;     // of a warp
    bool manyWarps = false;
  };
  struct Byte {
    Access write, read;
  };
  bool unordered(const Access& earlier, unsigned thread) const;

  std::vector<Byte> bytes_;
  const unsigned char* shared_ = nullptr;
  std::uint64_t phase_ = 0;
  std::uint64_t warpPhases_[32] = {};
  std::uint64_t block_ = 0;
  struct Pair {
    std::uint64_t block[2] = {};
  };
  std::unordered_map<std::uintptr_t, Pair> written_;  // two neighbouring bytes, and the blocks that wrote them
};

}  // namespace qt::cuda::emulator
