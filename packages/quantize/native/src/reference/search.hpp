// Searches for the levels of a few values, as in ggml-quants.c: every sum in order, every product rounded.
// Levels are small whole numbers l; x ≈ scale·l, or scale·l + min. w is how much each squared error counts.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "../halves.hpp"

namespace qt::reference {

constexpr float allZero = 1e-15f;

// To nearest, ties to even, by adding 1.5·2²³; beyond ±2²² it wraps around.
inline int nearest(float value) { return static_cast<int>(bitsOfFloat(value + 12582912.0f) & 0x7fffffu) - 0x400000; }
inline int clamped(int low, int high, int l) { return std::max(low, std::min(high, l)); }

// The first value of largest magnitude, with its sign.
inline float largest(const float* x, int n) {
  float magnitude = 0, value = 0;
  for (int i = 0; i < n; ++i) {
    if (!(magnitude < std::fabs(x[i]))) continue;
    magnitude = std::fabs(x[i]);
    value = x[i];
  }
  return value;
}

struct Moments {
  float lx = 0, l2 = 0;
};

// l from −half to half − 1, stored as l + half. 19 scales around the obvious one are tried; the best explains most of Σwx².
inline float fitSymmetric(int n, int half, const float* x, const float* w, int* levels) {
  const float max = largest(x, n);
  if (std::fabs(max) < allZero) {
    std::fill(levels, levels + n, 0);
    return 0.0f;
  }
  const auto level = [&](float inverse, int i) { return clamped(-half, half - 1, nearest(inverse * x[i])); };
  const auto moments = [&](float inverse) {
    Moments sum;
    for (int i = 0; i < n; ++i) {
      const float l = static_cast<float>(level(inverse, i));
      sum.lx += w[i] * x[i] * l;
      sum.l2 += w[i] * l * l;
    }
    return sum;
  };
  float bestInverse = static_cast<float>(-half) / max;
  Moments sum = moments(bestInverse);
  float scale = sum.l2 != 0 ? sum.lx / sum.l2 : 0.0f;
  float best = scale * sum.lx;
  for (int step = -9; step <= 9; ++step) {
    if (step == 0) continue;
    const float inverse = -(static_cast<float>(half) + 0.1f * static_cast<float>(step)) / max;
    sum = moments(inverse);
    if (!(sum.l2 > 0 && sum.lx * sum.lx > best * sum.l2)) continue;
    bestInverse = inverse;
    scale = sum.lx / sum.l2;
    best = scale * sum.lx;
  }
  for (int i = 0; i < n; ++i) levels[i] = level(bestInverse, i) + half;
  return scale;
}

// As above with w = x², improved one level at a time instead of by trying scales.
inline float fitByTurns(int n, int half, const float* x, int* levels) {
  const float max = largest(x, n);
  if (std::fabs(max) < allZero) {
    std::fill(levels, levels + n, 0);
    return 0.0f;
  }
  const float inverse = static_cast<float>(-half) / max;
  Moments sum;
  for (int i = 0; i < n; ++i) {
    levels[i] = clamped(-half, half - 1, nearest(inverse * x[i]));
    const float w = x[i] * x[i], l = static_cast<float>(levels[i]);
    sum.lx += w * x[i] * l;
    sum.l2 += w * l * l;
  }
  for (int round = 0; round < 5; ++round) {
    bool changed = false;
    for (int i = 0; i < n; ++i) {
      const float w = x[i] * x[i], l = static_cast<float>(levels[i]);
      Moments rest{sum.lx - w * x[i] * l, sum.l2 - w * l * l};
      if (!(rest.lx > 0)) continue;
      const int next = clamped(-half, half - 1, nearest(x[i] * rest.l2 / rest.lx));
      if (next == levels[i]) continue;
      rest.lx += w * x[i] * static_cast<float>(next);
      rest.l2 += w * static_cast<float>(next) * static_cast<float>(next);
      if (!(rest.l2 > 0 && rest.lx * rest.lx * sum.l2 > sum.lx * sum.lx * rest.l2)) continue;
      levels[i] = next;
      sum = rest;
      changed = true;
    }
    if (!changed) break;
  }
  for (int i = 0; i < n; ++i) levels[i] += half;
  return sum.l2 > 0 ? sum.lx / sum.l2 : 0.0f;
}

struct Affine {
  float scale = 0;
  float min = 0;  // to be subtracted: x ≈ scale·l − min, min ≥ 0
};

// The scales that are tried: (first + step·i + most) / (max − min) for i from 0 to `steps`.
struct Steps {
  float first, step;
  int steps;
  bool absolute;  // the error is Σw·|diff| instead of Σw·diff²
};

// l from 0 to `most`. For each scale the least-squares line through (l, x); a line above zero at l = 0 is not allowed.
inline Affine fitAffine(int n, int most, const float* x, const float* w, const Steps& steps, int* levels) {
  float min = x[0], max = x[0];
  float sumW = w[0], sumX = sumW * x[0];
  for (int i = 1; i < n; ++i) {
    min = x[i] < min ? x[i] : min;
    max = x[i] > max ? x[i] : max;
    sumW += w[i];
    sumX += w[i] * x[i];
  }
  if (min > 0) min = 0;
  if (max == min) {
    std::fill(levels, levels + n, 0);
    return {0.0f, -min};
  }
  const float least = min;
  const auto level = [&](float inverse, int i, float from) { return clamped(0, most, nearest(inverse * (x[i] - from))); };
  const auto error = [&](float inverse, float from, float scale, float offset) {
    float sum = 0;
    for (int i = 0; i < n; ++i) {
      const float diff = scale * static_cast<float>(level(inverse, i, from)) + offset - x[i];
      sum += w[i] * (steps.absolute ? std::fabs(diff) : diff * diff);
    }
    return sum;
  };
  float bestInverse = static_cast<float>(most) / (max - least), bestFrom = least;
  float scale = 1 / bestInverse;
  float best = error(bestInverse, least, scale, least);
  for (int i = 0; i <= steps.steps; ++i) {
    // Levels are counted from the offset that is the best so far.
    const float from = min;
    const float inverse = (steps.first + steps.step * static_cast<float>(i) + static_cast<float>(most)) / (max - from);
    float sumL = 0, sumL2 = 0, sumXL = 0;
    for (int k = 0; k < n; ++k) {
      const float l = static_cast<float>(level(inverse, k, from));
      sumL += w[k] * l;
      sumL2 += w[k] * l * l;
      sumXL += w[k] * l * x[k];
    }
    const float determinant = sumW * sumL2 - sumL * sumL;
    if (!(determinant > 0)) continue;
    float newScale = (sumW * sumXL - sumX * sumL) / determinant;
    float newMin = (sumL2 * sumX - sumL * sumXL) / determinant;
    if (newMin > 0) {
      newMin = 0;
      newScale = sumXL / sumL2;
    }
    const float newError = error(inverse, from, newScale, newMin);
    if (!(newError < best)) continue;
    best = newError;
    bestInverse = inverse;
    bestFrom = from;
    scale = newScale;
    min = newMin;
  }
  for (int i = 0; i < n; ++i) levels[i] = level(bestInverse, i, bestFrom);
  return {scale, -min};
}

// l from 0 to `most` for values that are not negative: eight scales around the obvious one, then one level at a time.
// The first levels are not limited to `most` but wrap at 256.
inline float fitPositive(int n, int most, const float* x, const float* w, int* levels) {
  float max = 0;
  for (int i = 0; i < n; ++i) max = max > x[i] ? max : x[i];
  if (max < allZero) {
    std::fill(levels, levels + n, 0);
    return 0.0f;
  }
  const auto error = [&](float inverse, bool limited) {
    const float scale = 1 / inverse;
    float sum = 0;
    for (int i = 0; i < n; ++i) {
      const int l = nearest(inverse * x[i]);
      const float diff = x[i] - scale * static_cast<float>(limited ? std::min(most, l) : l & 255);
      sum += w[i] * diff * diff;
    }
    return sum;
  };
  float inverse = static_cast<float>(most) / max;
  float best = error(inverse, false);
  for (int step = -4; step <= 4; ++step) {
    if (step == 0) continue;
    const float candidate = (0.1f * static_cast<float>(step) + static_cast<float>(most)) / max;
    const float candidateError = error(candidate, true);
    if (!(candidateError < best)) continue;
    best = candidateError;
    inverse = candidate;
  }
  Moments sum;
  for (int i = 0; i < n; ++i) {
    const int l = std::min(most, nearest(inverse * x[i]));
    levels[i] = l & 255;
    sum.lx += w[i] * x[i] * static_cast<float>(l);
    sum.l2 += w[i] * static_cast<float>(l) * static_cast<float>(l);
  }
  for (int round = 0; round < 5; ++round) {
    bool changed = false;
    for (int i = 0; i < n; ++i) {
      const float l = static_cast<float>(levels[i]);
      Moments rest{sum.lx - w[i] * x[i] * l, sum.l2 - w[i] * l * l};
      if (!(rest.lx > 0 && rest.l2 > 0)) continue;
      const int next = std::min(most, nearest(x[i] * rest.l2 / rest.lx));
      if (next == levels[i]) continue;
      rest.lx += w[i] * x[i] * static_cast<float>(next);
      rest.l2 += w[i] * static_cast<float>(next) * static_cast<float>(next);
      if (!(rest.lx * rest.lx * sum.l2 > sum.lx * sum.lx * rest.l2)) continue;
      levels[i] = next & 255;
      sum = rest;
      changed = true;
    }
    if (!changed) break;
  }
  return sum.l2 > 0 ? sum.lx / sum.l2 : 0.0f;
}

}  // namespace qt::reference
