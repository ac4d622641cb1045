// What a device's counters would say of a launch, as far as it follows from addresses: how many sectors (32 bytes of global memory) each
// request of a warp touches and how few would do, how often banks of shared memory are asked twice, how many bytes a launch moves and how
// many of them it moves once. Nothing of caches but that: a block's second reading of a sector is told apart from its first.
#pragma once
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "observer.hpp"

namespace qt::cuda::emulator {

inline constexpr std::uint32_t sectorBytes = 32;

struct GlobalCount {
  std::uint64_t requests = 0, sectors = 0, leastSectors = 0;
  std::uint64_t ofBlocks = 0;  // sectors, each counted once in a block that touches it
  std::uint64_t ofLaunch = 0;  // and once in a launch
  void add(const GlobalCount& other);
};
// Wavefronts are what a request takes of shared memory's time: `least` where no two lanes want different words of a bank.
struct SharedCount {
  std::uint64_t requests = 0, wavefronts = 0, leastWavefronts = 0;
  void add(const SharedCount& other);
};

struct SiteCount {
  GlobalCount read, written;
  SharedCount shared;
};

struct KernelCount {
  const void* kernel = nullptr;
  std::uint64_t launches = 0, blocks = 0, threadsOfBlock = 0, sharedBytes = 0;
  std::array<std::uint64_t, 4> together{};  // by Together
  std::map<const void*, SiteCount> sites;   // by place in the program
  SiteCount total() const;
};

class Counts final : public Observer {
 public:
  void beginLaunch(const void* kernel, dim3 grid, dim3 block, std::size_t sharedBytes) override;
  void endBlock() override;
  void access(const Access& a) override;
  void together(Together what) override { ++now_->together[static_cast<std::size_t>(what)]; }

  // In the order of their first launches.
  const std::vector<std::unique_ptr<KernelCount>>& kernels() const { return kernels_; }

 private:
  struct Request {
    std::uint32_t lanes = 0;
    std::array<std::uintptr_t, 32> at;
    std::array<std::uint32_t, 32> bytes;
  };
  // Of a warp at one place: the requests that not all lanes have made, the first of which is its `first`-th.
  struct Pending {
    std::array<std::uint64_t, 32> next{};
    std::uint64_t first = 0;
    std::deque<Request> requests;
  };
  struct Place {
    const void* code;
    std::uint32_t warp;
    Space space;
    bool write;
    bool operator==(const Place&) const = default;
  };
  struct HashPlace {
    std::size_t operator()(const Place& p) const {
      return (reinterpret_cast<std::uintptr_t>(p.code) * 64 + p.warp * 2 + (p.write ? 1 : 0)) * 0x9e3779b97f4a7c15ull >> 16;
    }
  };
  // Of 128 KB of global memory: the block that last read and wrote each sector, by its number among all blocks ever.
  struct Sectors {
    std::array<std::uint64_t, 4096> read{}, written{};
  };

  void settle(const Place& place, const Request& request);
  void countGlobal(GlobalCount& count, bool write, const Request& request);
  std::uint64_t& lastBlock(std::uintptr_t sector, bool write);

  std::vector<std::unique_ptr<KernelCount>> kernels_;
  KernelCount* now_ = nullptr;
  std::uint64_t block_ = 1, firstOfLaunch_ = 1;
  std::unordered_map<Place, Pending, HashPlace> pending_;
  std::unordered_map<std::uintptr_t, std::unique_ptr<Sectors>> sectors_;
};

// How many wavefronts lanes take that access `bytes` at these places of shared memory, each; and how few others would.
struct Wavefronts {
  std::uint64_t taken, least;
};
Wavefronts wavefronts(std::uint32_t lanes, const std::array<std::uintptr_t, 32>& at, std::uint32_t bytes);

}  // namespace qt::cuda::emulator
