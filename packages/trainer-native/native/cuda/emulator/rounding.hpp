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
// For the sums of a row at once: emulated steps spend most of their time here.
template <int Depth, int Columns>
void addCut(float (&sums)[Columns], const double (&products)[Depth][Columns]) {
  double plain[Columns], largest[Columns];
  for (int c = 0; c < Columns; ++c) {
    plain[c] = sums[c];
    largest[c] = std::fabs(plain[c]);
  }
  for (int k = 0; k < Depth; ++k)
    for (int c = 0; c < Columns; ++c) {
      const double size = std::fabs(products[k][c]);
      plain[c] += products[k][c];
      largest[c] = size > largest[c] ? size : largest[c];
    }
  constexpr std::uint64_t kept = 24, bias = 1023;  // bits behind the first one of the largest; of a double's exponent
  double units[Columns], unit[Columns];
  std::int32_t total[Columns];  // of at most 2²⁵ units each
  bool whole[Columns];
  for (int c = 0; c < Columns; ++c) {
    // Of infinities, NaN and zeros alone there is nothing to cut.
    whole[c] = largest[c] == 0 || !std::isfinite(plain[c]);
    const std::uint64_t exponent = std::bit_cast<std::uint64_t>(whole[c] ? 1.0 : largest[c]) >> 52;
    units[c] = std::bit_cast<double>((2 * bias + kept - exponent) << 52);
    unit[c] = std::bit_cast<double>((exponent - kept) << 52);
    total[c] = whole[c] ? 0 : static_cast<std::int32_t>(sums[c] * units[c]);
  }
  for (int k = 0; k < Depth; ++k)
    for (int c = 0; c < Columns; ++c) total[c] += whole[c] ? 0 : static_cast<std::int32_t>(products[k][c] * units[c]);
  // Of a double's 52 bits a float32 has the first 23.
  for (int c = 0; c < Columns; ++c)
    sums[c] = static_cast<float>(whole[c] ? plain[c] : std::bit_cast<double>(std::bit_cast<std::uint64_t>(total[c] * unit[c]) & ~((std::uint64_t{1} << 29) - 1)));
}

}  // namespace qt::cuda::emulator
