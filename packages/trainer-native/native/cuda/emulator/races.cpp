#include "races.hpp"

#include <algorithm>

namespace qt::cuda::emulator {

void Races::beginBlock(const void* shared, std::size_t bytes, std::uint64_t block) {
  shared_ = static_cast<const unsigned char*>(shared);
  bytes_.assign(bytes, {});
  block_ = static_cast<std::uint32_t>(block + 1);
  ++phase_;
}

bool Races::unordered(const Access& earlier, unsigned thread) const {
  if (earlier.phase != phase_) return false;
  if (earlier.manyWarps) return true;
  if (earlier.thread / 32u != thread / 32) return true;
  if (!earlier.manyThreads && earlier.thread == thread) return false;
  return earlier.warpPhase == warpPhases_[thread / 32];
}

Races::Clash Races::touch(Byte& byte, unsigned thread, bool write) const {
  if (unordered(byte.write, thread)) return {byte.write.thread, "written"};
  if (write && unordered(byte.read, thread)) return {byte.read.thread, "read"};
  const std::uint32_t warpPhase = warpPhases_[thread / 32];
  Access& mine = write ? byte.write : byte.read;
  if (write || mine.phase != phase_) mine = {phase_, warpPhase, static_cast<std::uint16_t>(thread), false, false};
  else if (mine.thread / 32u != thread / 32) mine.manyWarps = true;
  else if (mine.warpPhase != warpPhase) mine = {phase_, warpPhase, static_cast<std::uint16_t>(thread), false, mine.manyWarps};
  else mine.manyThreads = mine.manyThreads || mine.thread != thread;
  return {};
}

std::string Races::sharedAccess(unsigned thread, const void* at, std::size_t bytes, bool write) {
  const auto first = static_cast<std::size_t>(static_cast<const unsigned char*>(at) - shared_);
  for (std::size_t i = first; i < first + bytes && i < bytes_.size(); ++i)
    if (const Clash clash = touch(bytes_[i], thread, write); clash.before != nullptr)
      return "thread " + std::to_string(thread) + (write ? " writes" : " reads") + " byte " + std::to_string(i) + " of shared memory that thread " +
             std::to_string(clash.thread) + " has " + clash.before + " since the last barrier";
  return {};
}

Races::Page& Races::pageOf(std::uintptr_t number) {
  if (last_ == nullptr || number != lastNumber_) {
    std::unique_ptr<Page>& page = pages_[number];
    if (page == nullptr) page = std::make_unique<Page>();
    lastNumber_ = number;
    last_ = page.get();
  }
  if (last_->launch != launch_) {
    std::fill(std::begin(last_->bytes), std::end(last_->bytes), GlobalByte{});
    last_->launch = launch_;
  }
  return *last_;
}

std::string Races::globalAccess(unsigned thread, const void* at, std::size_t bytes, bool write) {
  const auto begin = reinterpret_cast<std::uintptr_t>(at);
  for (std::uintptr_t p = begin; p < begin + bytes; ++p) {
    GlobalByte& byte = pageOf(p / pageBytes).bytes[p % pageBytes];
    const auto other = [&](std::uint32_t block) { return block != 0 && block != block_; };
    if (other(byte.writer) || (write && other(byte.reader))) {
      const std::uint32_t block = other(byte.writer) ? byte.writer : byte.reader;
      return "block " + std::to_string(block_ - 1) + (write ? " writes" : " reads") + " global memory that " +
             (block == many ? "other blocks have" : "block " + std::to_string(block - 1) + " has") + (other(byte.writer) ? " written" : " read");
    }
    if (const Clash clash = touch(byte.inBlock, thread, write); clash.before != nullptr)
      return "thread " + std::to_string(thread) + (write ? " writes" : " reads") + " global memory that thread " + std::to_string(clash.thread) + " of its block has " +
             clash.before + " since the last barrier";
    if (write) byte.writer = block_;
    else byte.reader = byte.reader == 0 || byte.reader == block_ ? block_ : many;
  }
  return {};
}

}  // namespace qt::cuda::emulator
