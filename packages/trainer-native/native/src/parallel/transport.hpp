// How bytes go between the processes of a job. What is done with them (sums, copies to all) is written once, over this.
#pragma once
#include <cstddef>
#include <span>

namespace qt {

struct Outgoing {
  int peer;
  const void* data;
  std::size_t bytes;
};
struct Incoming {
  int peer;
  void* data;
  std::size_t bytes;
};

class Transport {
 public:
  virtual ~Transport() = default;
  // Sends and receives, all at the same time, and returns when everything is there. Between two processes messages keep their order.
  // Throws when the job has failed.
  virtual void exchange(std::span<const Outgoing> out, std::span<const Incoming> in) = 0;
};

}  // namespace qt
