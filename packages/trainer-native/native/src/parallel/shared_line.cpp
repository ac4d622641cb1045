#if !defined(_WIN32)
#include "shared_line.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace qt {
namespace {

// Small enough to stay in a core's cache on its way.
constexpr std::size_t ringBytes = std::size_t{1} << 18;

const char* const folder = "/dev/shm/";

}  // namespace

// What was written and what was read, in all, on lines of their own: each is written by one side only.
struct SharedLine::Ring {
  alignas(64) std::atomic<std::uint64_t> written;
  alignas(64) std::atomic<std::uint64_t> read;
  alignas(64) unsigned char data[ringBytes];
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
};

SharedLine::SharedLine(std::string name, void* memory, bool creator) : name_(std::move(name)), memory_(memory) {
  auto* rings = static_cast<Ring*>(memory);
  out_ = rings + (creator ? 0 : 1);
  in_ = rings + (creator ? 1 : 0);
}

SharedLine::~SharedLine() {
  forget();
  munmap(memory_, 2 * sizeof(Ring));
}

void SharedLine::forget() {
  if (!name_.empty()) unlink((folder + name_).c_str());
  name_.clear();
}

std::unique_ptr<SharedLine> SharedLine::create() {
  std::random_device random;
  char name[longestName];
  std::snprintf(name, sizeof name, "qt-%08x%08x%08x", random(), random(), random());
  const std::string path = std::string(folder) + name;
  const int file = open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0) return nullptr;
  // Reserved, so that no page is missing later. New memory is zero, which is an empty ring.
#if defined(__linux__)
  const bool reserved = posix_fallocate(file, 0, 2 * sizeof(Ring)) == 0;
#else
  const bool reserved = false;
#endif
  void* memory = reserved ? mmap(nullptr, 2 * sizeof(Ring), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
  close(file);
  if (memory == MAP_FAILED) {
    unlink(path.c_str());
    return nullptr;
  }
  return std::unique_ptr<SharedLine>(new SharedLine(name, memory, true));
}

std::unique_ptr<SharedLine> SharedLine::attach(const std::string& name) {
  if (!name.starts_with("qt-") || name.find('/') != std::string::npos) return nullptr;
  const int file = open((folder + name).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return nullptr;
  const bool whole = lseek(file, 0, SEEK_END) == static_cast<off_t>(2 * sizeof(Ring));
  void* memory = whole ? mmap(nullptr, 2 * sizeof(Ring), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
  close(file);
  if (memory == MAP_FAILED) return nullptr;
  // Both have it: the name is not left to a process that may be killed before it forgets it.
  unlink((folder + name).c_str());
  return std::unique_ptr<SharedLine>(new SharedLine("", memory, false));
}

std::size_t SharedLine::send(const void* data, std::size_t bytes) {
  const std::uint64_t written = out_->written.load(std::memory_order_relaxed), read = out_->read.load(std::memory_order_acquire);
  const std::size_t place = written % ringBytes;
  // Half at a time: the other side reads one while this one writes the next. What lies beyond the ring's end comes with the next call.
  const std::size_t now = std::min({bytes, static_cast<std::size_t>(ringBytes - (written - read)), ringBytes - place, ringBytes / 2});
  std::memcpy(out_->data + place, data, now);
  out_->written.store(written + now, std::memory_order_release);
  return now;
}

std::size_t SharedLine::receive(void* data, std::size_t bytes) {
  const std::uint64_t read = in_->read.load(std::memory_order_relaxed), written = in_->written.load(std::memory_order_acquire);
  const std::size_t place = read % ringBytes;
  const std::size_t now = std::min({bytes, static_cast<std::size_t>(written - read), ringBytes - place});
  std::memcpy(data, in_->data + place, now);
  in_->read.store(read + now, std::memory_order_release);
  return now;
}

}  // namespace qt
#endif
