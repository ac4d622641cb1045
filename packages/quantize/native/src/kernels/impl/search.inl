// The searches of reference/search.hpp, one part of a block in each lane. Every lane does the same operations in the same order;
// what the reference branches on becomes a selection. Levels are whole numbers kept as float32, which holds them exactly.
namespace qt {
namespace {

constexpr float allZero = 1e-15f;
constexpr float magic = 12582912.0f;  // 1.5·2²³: adding it rounds to a whole number, ties to even

// For numbers below 2²² in magnitude, which the searches see unless they say otherwise. The wrapping version is for the rest.
QT_INLINE f32v nearestBetween(f32v value, float low, float high) {
  return atLeast(magic + low, atMost(magic + high, value + magic)) - magic;
}
QT_INLINE i32v nearestWrapped(f32v value) { return ((i32v)(value + magic) & 0x7fffff) - 0x400000; }
QT_INLINE i32v clampedTo(int low, int high, i32v l) {
  l = l < high ? l : i32v{} + high;
  return l > low ? l : i32v{} + low;
}

// The first value of largest magnitude in each lane; finite values only.
template <int n>
QT_INLINE f32v largestFinite(const f32v x[n]) {
  i32v magnitude{};
  f32v value{};
  for (int i = 0; i < n; ++i) {
    const i32v candidate = magnitudeBits(x[i]);
    const i32v larger = candidate > magnitude;
    magnitude = larger ? candidate : magnitude;
    value = larger ? x[i] : value;
  }
  return value;
}

template <int n>
QT_INLINE f32v sumOfSquares(const f32v x[n]) {
  f32v sum{};
  for (int i = 0; i < n; ++i) sum += x[i] * x[i];
  return sum;
}

template <int n>
QT_INLINE f32v sumOf(const f32v x[n]) {
  f32v sum{};
  for (int i = 0; i < n; ++i) sum += x[i];
  return sum;
}

// importance·√(spread + x²)
template <int n>
QT_INLINE void weigh(const f32v x[n], const float* importance, f32v spread, f32v w[n]) {
  for (int i = 0; i < n; ++i) w[i] = importance[i] * squareRoot(spread + x[i] * x[i]);
}

// Σwxl and Σwl² with wx = w·x.
struct Moments {
  f32v lx, l2;
};
QT_INLINE Moments with(const Moments& sum, f32v w, f32v wx, f32v l) { return {sum.lx + wx * l, sum.l2 + w * l * l}; }
QT_INLINE Moments without(const Moments& sum, f32v w, f32v wx, f32v l) { return {sum.lx - wx * l, sum.l2 - w * l * l}; }
QT_INLINE i32v explainsMore(const Moments& next, const Moments& sum) { return next.lx * next.lx * sum.l2 > sum.lx * sum.lx * next.l2; }
QT_INLINE f32v scaleOf(const Moments& sum) { return sum.l2 > 0.0f ? sum.lx / sum.l2 : f32v{}; }

// What makes the levels of a part again, where they are needed.
struct Symmetric {
  f32v scale;
  f32v inverse;
  i32v zero;  // lanes whose levels are all 0
};
template <int half>
QT_INLINE i32v levelOf(const Symmetric& fit, f32v x) {
  const i32v l = __builtin_convertvector(nearestBetween(fit.inverse * x, -half, half - 1), i32v) + half;
  return fit.zero ? i32v{} : l;
}

template <int n, int half>
QT_INLINE Symmetric fitSymmetric(const f32v x[n], const f32v w[n]) {
  f32v max = largestFinite<n>(x);
  Symmetric fit;
  fit.zero = (f32v)magnitudeBits(max) < allZero;
  max = fit.zero ? f32v{} + 1.0f : max;
  f32v wx[n];
  for (int i = 0; i < n; ++i) wx[i] = w[i] * x[i];
  const auto moments = [&](f32v inverse) __attribute__((always_inline)) {
    Moments sum{};
    for (int i = 0; i < n; ++i) sum = with(sum, w[i], wx[i], nearestBetween(inverse * x[i], -half, half - 1));
    return sum;
  };
  fit.inverse = static_cast<float>(-half) / max;
  Moments sum = moments(fit.inverse);
  fit.scale = sum.l2 != 0.0f ? sum.lx / sum.l2 : f32v{};
  f32v best = fit.scale * sum.lx;
#pragma GCC unroll 1
  for (int step = -9; step <= 9; ++step) {
    if (step == 0) continue;
    const f32v inverse = -(static_cast<float>(half) + 0.1f * static_cast<float>(step)) / max;
    sum = moments(inverse);
    const i32v better = (sum.l2 > 0.0f) & (sum.lx * sum.lx > best * sum.l2);
    const f32v scale = sum.lx / sum.l2;
    fit.inverse = better ? inverse : fit.inverse;
    fit.scale = better ? scale : fit.scale;
    best = better ? scale * sum.lx : best;
  }
  fit.scale = fit.zero ? f32v{} : fit.scale;
  return fit;
}

// Several parts at once, for each step waits for the one before it. Writes l + half.
template <int n, int half, int parts>
QT_INLINE void fitByTurns(const f32v* x, f32v scale[parts], i32v* levels) {
  f32v w[parts * n], wx[parts * n], l[parts * n];
  Moments sum[parts];
  i32v zero[parts];
  for (int p = 0; p < parts; ++p) {
    f32v max = largestFinite<n>(x + p * n);
    zero[p] = (f32v)magnitudeBits(max) < allZero;
    max = zero[p] ? f32v{} + 1.0f : max;
    const f32v inverse = static_cast<float>(-half) / max;
    sum[p] = Moments{};
    for (int k = 0; k < n; ++k) {
      const int i = p * n + k;
      w[i] = x[i] * x[i];
      wx[i] = w[i] * x[i];
      l[i] = nearestBetween(inverse * x[i], -half, half - 1);
      sum[p] = with(sum[p], w[i], wx[i], l[i]);
    }
  }
#pragma GCC unroll 1
  for (int round = 0; round < 5; ++round) {
    i32v changed{};
#pragma GCC unroll 1
    for (int k = 0; k < n; ++k) {
      for (int p = 0; p < parts; ++p) {
        const int i = p * n + k;
        const Moments rest = without(sum[p], w[i], wx[i], l[i]);
        const f32v next = widened(clampedTo(-half, half - 1, nearestWrapped(x[i] * rest.l2 / rest.lx)));
        const Moments candidate = with(rest, w[i], wx[i], next);
        const i32v better = (rest.lx > 0.0f) & (next != l[i]) & (candidate.l2 > 0.0f) & explainsMore(candidate, sum[p]);
        l[i] = better ? next : l[i];
        sum[p].lx = better ? candidate.lx : sum[p].lx;
        sum[p].l2 = better ? candidate.l2 : sum[p].l2;
        changed |= better;
      }
    }
    if (!any(changed)) break;
  }
  for (int p = 0; p < parts; ++p) {
    scale[p] = zero[p] ? f32v{} : scaleOf(sum[p]);
    for (int k = 0; k < n; ++k) levels[p * n + k] = zero[p] ? i32v{} : truncated(l[p * n + k]) + half;
  }
}

// What makes the levels of a part again, where they are needed.
struct Affine {
  f32v scale, offset;
  f32v inverse, from;
};
template <int most>
QT_INLINE i32v levelOf(const Affine& fit, f32v x) {
  return truncated(nearestBetween(fit.inverse * (x - fit.from), 0, most));
}

struct Steps {
  float first, step;
  int steps;
};

// `hard` gets the lanes whose numbers are too small or too far apart for rounding without wrapping.
template <int n, int most, bool absolute>
QT_INLINE Affine fitAffine(const f32v x[n], const f32v w[n], const Steps& steps, i32v& hard) {
  f32v least = x[0], max = x[0];
  f32v sumW = w[0], sumX = w[0] * x[0];
  for (int i = 1; i < n; ++i) {
    least = x[i] < least ? x[i] : least;
    max = x[i] > max ? x[i] : max;
    sumW += w[i];
    sumX += w[i] * x[i];
  }
  least = least > 0.0f ? f32v{} : least;
  const i32v flat = max == least;
  hard |= ~flat & ~(max - least > 0x1p-100f);
  max = flat ? least + 1.0f : max;

  f32v levels[n];
  const auto round = [&](f32v inverse, f32v from, int i) __attribute__((always_inline)) { return nearestBetween(inverse * (x[i] - from), 0, most); };
  const auto error = [&](f32v scale, f32v offset) __attribute__((always_inline)) {
    f32v sum{};
    for (int i = 0; i < n; ++i) {
      const f32v diff = scale * levels[i] + offset - x[i];
      sum += w[i] * (absolute ? (f32v)magnitudeBits(diff) : diff * diff);
    }
    return sum;
  };
  Affine fit;
  f32v min = least;
  fit.from = least;
  fit.inverse = static_cast<float>(most) / (max - least);
  fit.scale = 1.0f / fit.inverse;
  for (int i = 0; i < n; ++i) levels[i] = round(fit.inverse, least, i);
  f32v best = error(fit.scale, least);
#pragma GCC unroll 1
  for (int step = 0; step <= steps.steps; ++step) {
    const f32v from = min;
    const f32v inverse = (steps.first + steps.step * static_cast<float>(step) + static_cast<float>(most)) / (max - from);
    const i32v small = ((f32v)magnitudeBits(inverse * (max - from)) < 1e6f) & ((f32v)magnitudeBits(inverse * (from - least)) < 1e6f);
    hard |= ~flat & ~small;
    f32v sumL{}, sumL2{}, sumXL{};
    for (int i = 0; i < n; ++i) {
      const f32v l = round(inverse, from, i);
      levels[i] = l;
      const f32v wl = w[i] * l;
      sumL += wl;
      sumL2 += wl * l;
      sumXL += wl * x[i];
    }
    const f32v determinant = sumW * sumL2 - sumL * sumL;
    f32v newScale = (sumW * sumXL - sumX * sumL) / determinant;
    f32v newMin = (sumL2 * sumX - sumL * sumXL) / determinant;
    const i32v above = newMin > 0.0f;
    newMin = above ? f32v{} : newMin;
    newScale = above ? sumXL / sumL2 : newScale;
    const f32v newError = error(newScale, newMin);
    const i32v better = (determinant > 0.0f) & (newError < best);
    best = better ? newError : best;
    fit.inverse = better ? inverse : fit.inverse;
    fit.from = better ? from : fit.from;
    fit.scale = better ? newScale : fit.scale;
    min = better ? newMin : min;
  }
  fit.scale = flat ? f32v{} : fit.scale;
  fit.offset = -(flat ? least : min);
  fit.inverse = flat ? f32v{} : fit.inverse;
  return fit;
}

// Of the scales of n parts. Levels from 0 to 255.
template <int n, int most>
QT_INLINE f32v fitPositive(const f32v x[n], const f32v w[n], i32v levels[n]) {
  f32v max{};
  for (int i = 0; i < n; ++i) max = max > x[i] ? max : x[i];
  const i32v zero = max < allZero;
  max = zero ? f32v{} + 1.0f : max;
  const auto limited = [&](f32v inverse, int i) __attribute__((always_inline)) {
    const i32v l = nearestWrapped(inverse * x[i]);
    return l < most ? l : i32v{} + most;
  };
  f32v inverse = static_cast<float>(most) / max;
  f32v best{};
  for (int i = 0; i < n; ++i) {
    const f32v diff = x[i] - 1.0f / inverse * widened(nearestWrapped(inverse * x[i]) & 255);
    best += w[i] * diff * diff;
  }
#pragma GCC unroll 1
  for (int step = -4; step <= 4; ++step) {
    if (step == 0) continue;
    const f32v candidate = (0.1f * static_cast<float>(step) + static_cast<float>(most)) / max;
    const f32v scale = 1.0f / candidate;
    f32v error{};
    for (int i = 0; i < n; ++i) {
      const f32v diff = x[i] - scale * widened(limited(candidate, i));
      error += w[i] * diff * diff;
    }
    const i32v better = error < best;
    best = better ? error : best;
    inverse = better ? candidate : inverse;
  }
  Moments sum{};
  for (int i = 0; i < n; ++i) {
    const i32v l = limited(inverse, i);
    levels[i] = l & 255;
    sum = with(sum, w[i], w[i] * x[i], widened(l));
  }
#pragma GCC unroll 1
  for (int round = 0; round < 5; ++round) {
    i32v changed{};
#pragma GCC unroll 1
    for (int i = 0; i < n; ++i) {
      const Moments rest = without(sum, w[i], w[i] * x[i], widened(levels[i]));
      i32v next = nearestWrapped(x[i] * rest.l2 / rest.lx);
      next = next < most ? next : i32v{} + most;
      const Moments candidate = with(rest, w[i], w[i] * x[i], widened(next));
      const i32v better = (rest.lx > 0.0f) & (rest.l2 > 0.0f) & (next != levels[i]) & explainsMore(candidate, sum);
      levels[i] = better ? next & 255 : levels[i];
      sum.lx = better ? candidate.lx : sum.lx;
      sum.l2 = better ? candidate.l2 : sum.l2;
      changed |= better;
    }
    if (!any(changed)) break;
  }
  for (int i = 0; i < n; ++i) levels[i] = zero ? i32v{} : levels[i];
  return zero ? f32v{} : scaleOf(sum);
}

}  // namespace
}  // namespace qt
