// Devices of several processes that send each other numbers without the processes' memory.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace qt {

using GroupInvitation = std::array<unsigned char, 128>;

class DeviceGroup {
 public:
  enum class State { Working, Done, Failed };

  virtual ~DeviceGroup() = default;
  // What was asked for, by its number.
  using Ticket = std::uint64_t;
  // Everybody's arrays are added; process r gets the sums of [cuts[r], cuts[r + 1]) into its `piece`. Begins when what the device was asked
  // for before is done, and goes on beside what it is asked for next.
  virtual Ticket reduce(const float* array, float* piece, std::span<const std::size_t> cuts) = 0;
  // Everybody gets [cuts[r], cuts[r + 1]) of process r. In the same way.
  virtual Ticket gather(float* array, std::span<const std::size_t> cuts) = 0;
  // Of everybody's stretches, which are as long everywhere, the sums, the same bytes in all. In the same way.
  virtual Ticket sum(std::span<const std::span<float>> stretches) = 0;
  // What the device is asked for next begins when this is done.
  virtual void await(Ticket ticket) = 0;
  // Whether everybody has come, and all that was asked for is done.
  virtual State state() = 0;
  // Whether some of it is not done. From any thread.
  virtual bool busy() const = 0;
  // What is under way ends, and nothing is done any more. From any thread.
  virtual void abort() = 0;
  virtual const char* failure() const = 0;
};

// How a device joins such a group.
class DeviceLinks {
 public:
  virtual ~DeviceLinks() = default;
  // In a line, which library does it, and which device of the machine this is, alike in all processes that use it.
  virtual const char* library() const = 0;
  virtual const char* place() const = 0;
  // What one process makes and gives to all; false: it cannot.
  virtual bool invite(GroupInvitation& invitation) = 0;
  // Returns at once; state() tells when everybody has come. The caller's to delete; null: it cannot.
  virtual DeviceGroup* join(const GroupInvitation& invitation, int rank, int size) = 0;
};

}  // namespace qt
