#include "races.hpp"

namespace qt::cuda::emulator {

void Races::beginBlock(const void* shared, std::size_t bytes, std::uint64_t block) {
  shared_ = static_cast<const unsigned char*>(shared);
  bytes_.assign(bytes, {});
  block_ = block;
  ++phase_;
}

bool Races::unordered(const Access& earlier, unsigned thread) const {
  if (earlier.phase != phase_) return false;
  if (earlier.manyWarps) return true;
  if (earlier.thread / 32u != thread / 32) return true;
  if (!earlier.manyThreads && earlier.thread == thread) return false;
  return earlier.warpPhase == warpPhases_[thread / 32];
}

std::string Races::sharedAccess(unsigned thread, const void* at, std::size_t bytes, bool write) {
  const auto first = static_cast<std::size_t>(static_cast<const unsigned char*>(at) - shared_);
  const std::uint64_t warpPhase = warpPhases_[thread / 32];
  for (std::size_t i = first; i < first + bytes && i < bytes_.size(); ++i) {
    Byte& byte = bytes_[i];
    const char* before = unordered(byte.write, thread) ? "written" : write && unordered(byte.read, thread) ? "read" : nullptr;
    if (before != nullptr) {
      const Access& other = byte.write.phase == phase_ && unordered(byte.write, thread) ? byte.write : byte.read;
      return "thread " + std::to_string(thread) + (write ? " writes" : " reads") + " byte " + std::to_string(i) + " of shared memory that thread " +
             std::to_string(other.thread) + " has " + before + " since the last barrier";
    }
    if (write) {
      byte.write = {phase_, warpPhase, static_cast<std::uint16_t>(thread), false, false};
      continue;
    }
    Access& read = byte.read;
    if (read.phase == phase_ && read.thread != thread) {
      read.manyWarps = read.manyWarps || read.thread / 32u != thread / 32;
      read.manyThreads = read.manyThreads || read.warpPhase == warpPhase;
      read.warpPhase = warpPhase;
      continue;
    }
    if (read.phase != phase_) read = {phase_, warpPhase, static_cast<std::uint16_t>(thread), false, false};
    read.warpPhase = warpPhase;
  }
  return {};
}

std::string Races::globalAccess(const void* at, std::size_t bytes, bool write) {
  if (!write && written_.empty()) return {};
  const auto begin = reinterpret_cast<std::uintptr_t>(at), end = begin + bytes;
  for (std::uintptr_t p = begin; p < end;) {
    const std::uintptr_t next = p / 2 * 2 + 2 < end ? p / 2 * 2 + 2 : end;
    const auto entry = write ? written_.try_emplace(p / 2).first : written_.find(p / 2);
    for (; p < next; ++p) {
      if (entry == written_.end()) continue;
      std::uint64_t& block = entry->second.block[p % 2];  // 0: none, else one more than its number
      if (block != 0 && block != block_ + 1)
        return "block " + std::to_string(block_) + (write ? " writes" : " reads") + " global memory that block " + std::to_string(block - 1) + " has written";
      if (write) block = block_ + 1;
    }
  }
  return {};
}

}  // namespace qt::cuda::emulator
