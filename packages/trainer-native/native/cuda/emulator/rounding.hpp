// What a device rounds otherwise than a processor, as far off as it may be there, so that no test holds here alone.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

namespace qt::cuda::emulator {

// x, up to `share` of it more or less, as its bits say: the same for the same number.
inline float strayed(float x, float share) {
  if (std::isinf(x)) return x;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x) * 2654435761u;
  return std::fma(x, (bits >> 31) != 0 ? share : -share, x);
}

// ex2.approx.ftz: within 2^-22.5, 1 for 0, and nothing subnormal (PTX ISA).
inline float fastExp2(float x) {
  if (x == 0) return 1;
  const float y = strayed(std::exp2(x), 1.7e-7f);
  return y < 0x1p-126f ? 0.0f : y;
}
// __expf: by way of a product with log₂e, whose rounding grows with x.
inline float fastExp(float x) { return fastExp2(x * 1.4426950408889634f); }
// __fdividef: by way of the divisor's inverse, exact for powers of two; 0 for divisors that are nearly too large.
inline float fastDivide(float a, float b) {
  if (std::fabs(b) > 0x1p126f) return std::isinf(a) ? NAN : std::signbit(a) == std::signbit(b) ? 0.0f : -0.0f;
  const bool exact = (std::bit_cast<std::uint32_t>(b) & 0x7fffff) == 0;
  return a * (exact ? 1.0f / b : strayed(1.0f / b, 0x1p-23f));
}

// Tensor cores add the exact products of a few depths to a sum at once. All are cut to a bit below the last one of the largest, and the sum
// is cut, not rounded (Fasi, Higham, Mikaitis, Pranesh, "Numerical behavior of NVIDIA tensor cores", 2021; of all kinds since sm_80 the coarsest).
class TensorSum {
 public:
  explicit TensorSum(double first) { add(first); }
  void add(double x) {
    addends_[count_++] = x;
    const double size = std::fabs(x);
    if (!std::isnan(largest_) && !(size <= largest_)) largest_ = size;
  }
  float sum() const {
    if (largest_ == 0 || !(largest_ < INFINITY)) {
      double plain = 0;
      for (int i = 0; i < count_; ++i) plain += addends_[i];
      return static_cast<float>(plain);
    }
    constexpr std::uint64_t kept = 24, bias = 1023;  // bits behind the first one of the largest; of a double's exponent
    const std::uint64_t exponent = std::bit_cast<std::uint64_t>(largest_) >> 52;
    const double units = std::bit_cast<double>((2 * bias + kept - exponent) << 52), unit = std::bit_cast<double>((exponent - kept) << 52);
    std::int64_t total = 0;
    for (int i = 0; i < count_; ++i) total += static_cast<std::int64_t>(addends_[i] * units);
    // Of a double's 52 bits a float32 has the first 23.
    return static_cast<float>(std::bit_cast<double>(std::bit_cast<std::uint64_t>(static_cast<double>(total) * unit) & ~((std::uint64_t{1} << 29) - 1)));
  }

 private:
  double addends_[9], largest_ = 0;
  int count_ = 0;
};

}  // namespace qt::cuda::emulator
