#include "codes.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace qt {
namespace {

MomentCodes makeCodes(bool withSign) {
  constexpr int decades = 7;
  std::vector<double> all{0.0, 1.0};
  for (int i = 0; i < decades; ++i) {
    const int steps = withSign ? 1 << i : 2 << i;
    const double size = std::pow(10.0, i - (decades - 1));
    for (int s = 0; s < steps; ++s) {
      const double middle = 0.1 + 0.9 * (s + 0.5) / steps;
      all.push_back(size * middle);
      if (withSign) all.push_back(-size * middle);
    }
  }
  std::sort(all.begin(), all.end());
  MomentCodes codes{};
  std::copy(all.begin(), all.end(), codes.values.begin());
  for (int i = 0; i < 255; ++i) codes.borders[i] = static_cast<float>((all[i] + all[i + 1]) / 2);
  codes.leastPositive = static_cast<std::uint8_t>(std::upper_bound(all.begin(), all.end(), 0.0) - all.begin());
  return codes;
}

}  // namespace

const MomentCodes& signedCodes() {
  static const MomentCodes codes = makeCodes(true);
  return codes;
}
const MomentCodes& unsignedCodes() {
  static const MomentCodes codes = makeCodes(false);
  return codes;
}

}  // namespace qt
