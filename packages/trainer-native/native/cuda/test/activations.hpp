// Activations of either type for the tests of kernels, and how far results are from what they should be.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "array.hpp"
#include "check.hpp"
#include "kernels/table.hpp"
#include "numbers.hpp"

namespace qt::cuda {

// In (−size, size), exact in bfloat16, so that both types have one reference.
inline std::vector<float> drawNumbers(std::size_t count, std::uint32_t purpose, float size = 1.0f) {
  std::vector<float> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    const float x = drawn(i, purpose) * size;
    std::uint32_t bits;
    std::memcpy(&bits, &x, 4);
    bits &= 0xffff0000u;
    std::memcpy(&out[i], &bits, 4);
  }
  return out;
}

// Activations of either type in memory that kernels see.
class Activations {
 public:
  Activations(std::size_t count, DType type) : type_(type), bytes_(count * bytesOf(type)), count_(count) {}
  Activations(const std::vector<float>& from, DType type) : Activations(from.size(), type) {
    for (std::size_t i = 0; i < from.size(); ++i) set(i, from[i]);
  }
  void* data() { return bytes_.data(); }
  std::size_t size() const { return count_; }
  DType type() const { return type_; }
  void set(std::size_t i, float x) {
    std::uint32_t bits;
    std::memcpy(&bits, &x, 4);
    if (type_ == DType::F32) std::memcpy(bytes_.data() + 4 * i, &bits, 4);
    else std::memcpy(bytes_.data() + 2 * i, reinterpret_cast<unsigned char*>(&bits) + 2, 2);
  }
  float operator[](std::size_t i) const {
    float out = 0;
    if (type_ == DType::F32) std::memcpy(&out, bytes_.data() + 4 * i, 4);
    else std::memcpy(reinterpret_cast<unsigned char*>(&out) + 2, bytes_.data() + 2 * i, 2);
    return out;
  }

 private:
  DType type_;
  Array<unsigned char> bytes_;
  std::size_t count_;
};

// √(Σ(found − expected)²/Σ expected²); NaN in either makes it NaN.
template <class Found, class Expected>
double relativeError(const Found& found, const Expected& expected) {
  double sum = 0, size = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double e = expected[i], difference = found[i] - e;
    sum += difference * difference;
    size += e * e;
  }
  return size == 0 ? std::sqrt(sum) : std::sqrt(sum / size);
}

template <class Found, class Expected>
void checkClose(const char* what, const Found& found, const Expected& expected, double tolerance) {
  const double error = relativeError(found, expected);
  if (error <= tolerance) return;
  std::printf("%s is off by %.3g\n", what, error);
  ++failures;
}

}  // namespace qt::cuda
