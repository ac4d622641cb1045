#pragma once
#include "runtime.hpp"

namespace qt::cuda {

// Memory of the device: a place that was planned, or where there is none memory of its own, which grows when more is asked for and forgets
// what it held.
class Buffer {
 public:
  explicit Buffer(Runtime& runtime) : runtime_(runtime) {}
  ~Buffer() {
    if (!planned_) runtime_.release(data_);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void use(void* place, std::size_t bytes) {
    if (!planned_) runtime_.release(data_);
    data_ = place;
    bytes_ = bytes;
    planned_ = true;
  }
  // Null when there is not so much.
  template <class T>
  T* room(std::size_t count) {
    const std::size_t wanted = count * sizeof(T);
    if (wanted > bytes_ && planned_) return nullptr;
    if (wanted > bytes_ || data_ == nullptr) {
      runtime_.release(data_);
      data_ = runtime_.allocate(wanted);
      bytes_ = data_ == nullptr ? 0 : wanted;
    }
    return static_cast<T*>(data_);
  }
  template <class T>
  T* get() const { return static_cast<T*>(data_); }

 private:
  Runtime& runtime_;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  bool planned_ = false;
};

}  // namespace qt::cuda
