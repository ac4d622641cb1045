// IQ2 and IQ3, in plain loops and in the order of ggml-quants.c.
#include "../formats/iq2_s.hpp"
#include "../formats/iq2_xs.hpp"
#include "../formats/iq2_xxs.hpp"
#include "../formats/iq3_s.hpp"
#include "../formats/iq3_xxs.hpp"
#include "formats.hpp"
#include "search.hpp"

namespace qt::reference {
namespace {

template <class Format>
struct Fitter {
  static constexpr int size = Format::size, group = Format::group, groups = size / group;
  static constexpr int mask = (1 << Format::bits) - 1;
  const float* weight;
  const float* x;
  const Grid& grid;

  static int level(std::uint16_t code, int i) { return code >> Format::bits * i & mask; }

  // The code of each value by itself, whether or not it is a point.
  std::uint16_t rounded(float inverse, int from) const {
    int code = 0;
    for (int i = 0; i < group; ++i)
      code |= within(0, Format::levels - 1, nearestInt(0.5f * (inverse * x[from + i] - 1))) << Format::bits * i;
    return static_cast<std::uint16_t>(code);
  }

  // The point near `code` of least squared error, of equals the first. Errors are weighted with √weight.
  std::uint16_t best(std::uint16_t code, float scale, int from) const {
    const std::int32_t place = grid.at[code];
    if (place >= 0) return code;
    const std::uint16_t* list = grid.near(place);
    float least = 3.402823466e+38f;
    std::uint16_t found = list[1];
    for (int n = 1; n <= list[0]; ++n) {
      float error = 0;
      for (int i = 0; i < group; ++i) {
        const float difference = scale * static_cast<float>(2 * level(list[n], i) + 1) - x[from + i];
        error += std::sqrt(weight[from + i]) * difference * difference;
      }
      if (!(error < least)) continue;
      least = error;
      found = list[n];
    }
    return found;
  }

  Moments moments(const std::uint16_t* codes) const {
    Moments sum;
    for (int i = 0; i < size; ++i) {
      const float q = static_cast<float>(2 * level(codes[i / group], i % group) + 1);
      sum.lx += weight[i] * x[i] * q;
      sum.l2 += weight[i] * q * q;
    }
    return sum;
  }

  void fit(float max, LatticeFit& result) const {
    float scale = max / (2 * Format::levels - 1);
    if constexpr (Format::startsFitted) {
      int ignored[size];
      scale = fitPositive(size, 4, x, weight, ignored);
      max = scale * 3;
      if (max <= 0) return;
    }
    result.stored = true;
    float explained = 0;
    bool onGrid[groups];
    for (bool& on : onGrid) on = Format::research != Research::All;
    for (int i = -Format::tries; i <= Format::tries; ++i) {
      const float inverse = (2 * Format::levels - 1 + static_cast<float>(i) * Format::step) / max;
      std::uint16_t codes[groups];
      bool on[groups];
      for (int k = 0; k < groups; ++k) {
        const std::uint16_t code = rounded(inverse, group * k);
        on[k] = grid.at[code] >= 0;
        codes[k] = best(code, 1 / inverse, group * k);
      }
      const Moments sum = moments(codes);
      if (!(sum.l2 > 0 && sum.lx * sum.lx > explained * sum.l2)) continue;
      scale = sum.lx / sum.l2;
      explained = scale * sum.lx;
      for (int k = 0; k < groups; ++k) {
        result.codes[k] = codes[k];
        onGrid[k] = on[k];
      }
    }
    // Once more, with the scale that was found.
    bool again = Format::research == Research::Always;
    for (const bool on : onGrid) again = again || !on;
    if (again && scale > 0) {
      for (int k = 0; k < groups; ++k)
        if (Format::research != Research::OffGrid || !onGrid[k]) result.codes[k] = best(rounded(1 / scale, group * k), scale, group * k);
      const Moments sum = moments(result.codes);
      if (sum.l2 > 0) scale = sum.lx / sum.l2;
    }
    result.scale = scale;
  }
};

template <class Format>
bool encode(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  const Grid& grid = Format::grid();
  const auto fit = [](const float* weight, const float* magnitudes, float max, const Grid& points, LatticeFit& result) {
    Fitter<Format>{weight, magnitudes, points}.fit(max, result);
  };
  for (std::int64_t i = 0; i < columns; i += 256, out += Format::bytes)
    if (!encodeLattice<Format>(x + i, importance == nullptr ? nullptr : importance + i, grid, fit, out, tooLarge.scale)) {
      tooLarge.index = i;
      return false;
    }
  return true;
}

}  // namespace

bool encodeIQ2_XXS(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  return encode<IQ2_XXS>(x, columns, importance, out, tooLarge);
}
bool encodeIQ2_XS(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  return encode<IQ2_XS>(x, columns, importance, out, tooLarge);
}
bool encodeIQ2_S(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  return encode<IQ2_S>(x, columns, importance, out, tooLarge);
}
bool encodeIQ3_XXS(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  return encode<IQ3_XXS>(x, columns, importance, out, tooLarge);
}
bool encodeIQ3_S(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out, TooLarge& tooLarge) {
  return encode<IQ3_S>(x, columns, importance, out, tooLarge);
}

}  // namespace qt::reference
