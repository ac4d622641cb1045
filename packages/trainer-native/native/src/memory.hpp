// Memory that is planned: every buffer of a step is known with its lifetime before the step runs, gets its place in one
// arena, and the arena's size is the plan.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace qt {

using BufferId = int;

class ArenaPlan {
 public:
  // A buffer that lives from stage `begin` to stage `end`, both included.
  BufferId add(std::string part, std::size_t bytes, int begin, int end);

  // Gives each buffer the lowest place that no buffer alive at the same time covers, the largest first.
  void place();

  std::size_t size() const { return size_; }
  std::size_t offset(BufferId id) const { return buffers_[id].offset; }
  std::size_t bytes(BufferId id) const { return buffers_[id].bytes; }

  struct Part {
    std::string name;
    std::size_t bytes;
  };
  // What lies in the arena at its fullest stage, by part.
  std::vector<Part> fullest() const;

 private:
  struct Buffer {
    std::string part;
    std::size_t bytes, offset;
    int begin, end;
  };
  std::vector<Buffer> buffers_;
  std::size_t size_ = 0;
};

// Page-aligned memory that the system gives zeroed and only as it is touched.
class Arena {
 public:
  explicit Arena(std::size_t bytes);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  unsigned char* data() const { return data_; }
  std::size_t size() const { return bytes_; }

 private:
  unsigned char* data_ = nullptr;
  std::size_t bytes_ = 0;
};

inline std::size_t roundUpBytes(std::size_t bytes, std::size_t to = 64) { return (bytes + to - 1) / to * to; }

}  // namespace qt
