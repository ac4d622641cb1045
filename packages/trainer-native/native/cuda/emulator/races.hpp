// Who touched memory last, and whether anything orders the two: of one block two threads may not touch a byte, one of them writing, unless
// __syncthreads, or in one warp __syncwarp, was between them, be it of shared or of global memory; of two blocks of a launch, none of which is
// done before another one begins, never. Which of them came first here says nothing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace qt::cuda::emulator {

class Races {
 public:
  void beginLaunch() { ++launch_; }
  void beginBlock(const void* shared, std::size_t bytes, std::uint64_t block);
  void blockBarrier() { ++phase_; }
  void warpBarrier(unsigned warp) { ++warpPhases_[warp]; }

  // Empty, or what is wrong with it.
  std::string sharedAccess(unsigned thread, const void* at, std::size_t bytes, bool write);
  std::string globalAccess(unsigned thread, const void* at, std::size_t bytes, bool write);

 private:
  struct Access {
    std::uint32_t phase = 0;      // 0: never
    std::uint32_t warpPhase = 0;
    std::uint16_t thread = 0;
    bool manyThreads = false;     // of a warp
    bool manyWarps = false;
  };
  struct Byte {
    Access write, read;
  };
  // Of global memory also which blocks: 0 is none, else one more than its number, or `many`.
  struct GlobalByte {
    Byte inBlock;
    std::uint32_t writer = 0, reader = 0;
  };
  static constexpr std::uint32_t many = UINT32_MAX;
  static constexpr std::size_t pageBytes = 1024;
  struct Page {
    std::uint64_t launch = 0;  // of which its bytes tell
    GlobalByte bytes[pageBytes];
  };

  bool unordered(const Access& earlier, unsigned thread) const;
  // Whom it is not ordered with, and what that one did; null: nobody.
  struct Clash {
    unsigned thread;
    const char* before;
  };
  Clash touch(Byte& byte, unsigned thread, bool write) const;
  Page& pageOf(std::uintptr_t number);

  std::vector<Byte> bytes_;
  const unsigned char* shared_ = nullptr;
  std::uint32_t phase_ = 0;
  std::uint32_t warpPhases_[32] = {};
  std::uint32_t block_ = 0;  // one more than its number
  std::uint64_t launch_ = 0;
  std::unordered_map<std::uintptr_t, std::unique_ptr<Page>> pages_;
  std::uintptr_t lastNumber_ = 0;
  Page* last_ = nullptr;
};

}  // namespace qt::cuda::emulator
