// A second line of work of a device, beside the one that Runtime has.
#pragma once
#include <array>
#include <cstdint>

#include "runtime.hpp"

namespace qt::cuda {

class SideStream {
 public:
  enum class State { Working, Done, Failed };

  explicit SideStream(const Runtime& runtime);
  ~SideStream();
  SideStream(const SideStream&) = delete;
  SideStream& operator=(const SideStream&) = delete;

  // What is launched on it next is launched on the runtime's device.
  Stream stream() const;
  // What it is asked for next begins when the runtime's own line has done what it was asked for so far.
  Status follow();
  // Remembers what this line was asked for so far; what the runtime's own is asked for next begins when that is done. Of the last few
  // marks each by itself; older ones are taken for newer.
  Status mark(std::uint64_t number);
  Status lead(std::uint64_t number);
  State state() const;

 private:
  const Runtime& runtime_;
  Stream stream_ = nullptr;
  void* event_ = nullptr;
  std::array<void*, 8> marks_{};
};

}  // namespace qt::cuda
