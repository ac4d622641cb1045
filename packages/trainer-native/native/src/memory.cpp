#include "memory.hpp"

#include <algorithm>
#include <map>
#include <new>
#include <numeric>
#if defined(_WIN32)
#include <malloc.h>
#include <cstring>
#else
#include <sys/mman.h>
#endif

namespace qt {

BufferId ArenaPlan::add(std::string part, std::size_t bytes, int begin, int end) {
  buffers_.push_back({std::move(part), roundUpBytes(bytes), 0, begin, end});
  return static_cast<BufferId>(buffers_.size()) - 1;
}

void ArenaPlan::place() {
  std::vector<int> order(buffers_.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return buffers_[a].bytes > buffers_[b].bytes; });
  std::vector<int> placed;  // by offset
  size_ = 0;
  for (const int id : order) {
    Buffer& buffer = buffers_[id];
    std::size_t at = 0;
    for (const int other : placed) {
      const Buffer& o = buffers_[other];
      if (o.end < buffer.begin || buffer.end < o.begin) continue;
      if (at + buffer.bytes <= o.offset) break;
      at = std::max(at, o.offset + o.bytes);
    }
    buffer.offset = at;
    size_ = std::max(size_, at + buffer.bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), id, [&](int a, int b) { return buffers_[a].offset < buffers_[b].offset; }), id);
  }
}

std::vector<ArenaPlan::Part> ArenaPlan::fullest() const {
  int last = 0;
  for (const Buffer& b : buffers_) last = std::max(last, b.end);
  int stage = 0;
  std::size_t most = 0;
  for (int s = 0; s <= last; ++s) {
    std::size_t sum = 0;
    for (const Buffer& b : buffers_)
      if (b.begin <= s && s <= b.end) sum += b.bytes;
    if (sum > most) {
      most = sum;
      stage = s;
    }
  }
  std::map<std::string, std::size_t> parts;
  for (const Buffer& b : buffers_)
    if (b.begin <= stage && stage <= b.end) parts[b.part] += b.bytes;
  std::vector<Part> out;
  for (const auto& [name, bytes] : parts) out.push_back({name, bytes});
  if (size_ > most) out.push_back({"gaps between buffers", size_ - most});
  return out;
}

Arena::Arena(std::size_t bytes) : bytes_(roundUpBytes(std::max<std::size_t>(bytes, 1), 4096)) {
#if defined(_WIN32)
  data_ = static_cast<unsigned char*>(_aligned_malloc(bytes_, 4096));
  if (data_ == nullptr) throw std::bad_alloc();
  std::memset(data_, 0, bytes_);
#else
  void* p = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<unsigned char*>(p);
#endif
}

Arena::~Arena() {
#if defined(_WIN32)
  _aligned_free(data_);
#else
  munmap(data_, bytes_);
#endif
}

}  // namespace qt
