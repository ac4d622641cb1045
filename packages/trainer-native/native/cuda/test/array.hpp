// Memory that both the test and its kernels see. In the emulator it ends at a page that cannot be touched, so that reading or writing
// beyond it (by 16 bytes or more, else by the count that follows) ends the test; for a device it is page-locked memory of the machine, which
// every device reaches where it lies: managed memory would have to move, and not every virtual machine lets it. compute-sanitizer is told of its bounds.
// What a kernel wrote may be read after finish().
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "../platform.cuh"

#ifdef QT_CUDA_EMULATED
#include <sys/mman.h>
#endif

namespace qt::cuda {

#ifdef QT_CUDA_EMULATED
inline bool finish(Status status) {
  if (status == Status::Fault) std::printf("fault: %s\n", emulator::lastFault().c_str());
  return status == Status::Ok;
}
#else
inline bool finish(Status status) {
  const cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) std::printf("device: %s\n", cudaGetErrorString(error));
  return status == Status::Ok && error == cudaSuccess;
}
#endif

template <class T>
class Array {
 public:
  explicit Array(std::size_t count, std::size_t offset = 0) : count_(count), bytes_((count * sizeof(T) + offset * sizeof(T) + 15) / 16 * 16) {
#ifdef QT_CUDA_EMULATED
    constexpr std::size_t page = 4096;
    mapped_ = (bytes_ + page - 1) / page * page + page;
    map_ = static_cast<unsigned char*>(mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (map_ == MAP_FAILED || mprotect(map_ + mapped_ - page, page, PROT_NONE) != 0) std::abort();
    start_ = map_ + mapped_ - page - bytes_;
#else
    void* p = nullptr;
    if (const cudaError_t error = cudaHostAlloc(&p, bytes_ == 0 ? 16 : bytes_, cudaHostAllocDefault); error != cudaSuccess) {
      std::printf("device: no page-locked memory: %s\n", cudaGetErrorString(error));
      std::abort();
    }
    start_ = static_cast<unsigned char*>(p);
#endif
    data_ = reinterpret_cast<T*>(start_) + offset;
    std::memset(start_, untouched, bytes_);
  }
  explicit Array(const std::vector<T>& from, std::size_t offset = 0) : Array(from.size(), offset) {
    if (!from.empty()) std::memcpy(data_, from.data(), from.size() * sizeof(T));
  }
  ~Array() {
    if (!edgesUntouched()) {
      std::printf("a kernel wrote beside an array of %zu\n", count_);
      std::abort();
    }
#ifdef QT_CUDA_EMULATED
    munmap(map_, mapped_);
#else
    cudaFreeHost(start_);
#endif
  }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  std::size_t size() const { return count_; }
  std::vector<T> copy() const { return {data_, data_ + count_}; }

 private:
  static constexpr unsigned char untouched = 0xff;
  bool edgesUntouched() const {
    const auto* first = reinterpret_cast<const unsigned char*>(data_);
    for (const unsigned char* p = start_; p < first; ++p)
      if (*p != untouched) return false;
    for (const unsigned char* p = first + count_ * sizeof(T); p < start_ + bytes_; ++p)
      if (*p != untouched) return false;
    return true;
  }
  std::size_t count_, bytes_;
  unsigned char* start_;
  T* data_;
#ifdef QT_CUDA_EMULATED
  unsigned char* map_;
  std::size_t mapped_;
#endif
};

}  // namespace qt::cuda
