// Bytes between two processes of one machine, through memory that both map: one ring for each direction.
#pragma once
#include <cstddef>
#include <memory>
#include <string>

namespace qt {

class SharedLine {
 public:
  // A new one, under a name that nobody guesses; null where the system has no such memory (/dev/shm), or not enough of it.
  static std::unique_ptr<SharedLine> create();
  // That of another process; null where it is not of this machine.
  static std::unique_ptr<SharedLine> attach(const std::string& name);
  ~SharedLine();
  SharedLine(const SharedLine&) = delete;
  SharedLine& operator=(const SharedLine&) = delete;

  const std::string& name() const { return name_; }
  // The name goes; the memory goes with the last of the two.
  void forget();

  // As many bytes as the other side has made room for, or has sent.
  std::size_t send(const void* data, std::size_t bytes);
  std::size_t receive(void* data, std::size_t bytes);

  static constexpr std::size_t longestName = 40;

 private:
  struct Ring;
  SharedLine(std::string name, void* memory, bool creator);
  std::string name_;
  void* memory_;
  Ring *out_, *in_;
};

}  // namespace qt
