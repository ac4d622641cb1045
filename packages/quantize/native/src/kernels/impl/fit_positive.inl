// The scale of 32 values of 0 or more under which levels 0 to 4 fit best (fitPositive of reference/search.hpp): eight scales around the
// obvious one at once, then one level at a time.
#if defined(__AVX2__)
namespace qt {
namespace {

inline float fitPositive4(const float* x, const float* weight) {
  constexpr int n = 32, most = 4;
  float max = 0;
  for (int i = 0; i < n; ++i) max = max > x[i] ? max : x[i];
  if (max < 1e-15f) return 0;
  float inverse = most / max;
  float best = 0;
  for (int i = 0; i < n; ++i) {
    const float difference = x[i] - 1 / inverse * static_cast<float>(nearestInt(inverse * x[i]) & 255);
    best += weight[i] * difference * difference;
  }
  const __m256 steps = _mm256_setr_ps(-4, -3, -2, -1, 1, 2, 3, 4);
  const __m256 inverses = _mm256_div_ps(_mm256_add_ps(_mm256_mul_ps(all8(0.1f), steps), all8(most)), all8(max));
  const __m256 scales = _mm256_div_ps(all8(1), inverses), magic = all8(12582912.0f);
  const __m256i fraction = _mm256_set1_epi32(0x7fffff), zero = _mm256_set1_epi32(0x400000), limit = _mm256_set1_epi32(most);
  __m256 errors = all8(0);
  for (int i = 0; i < n; ++i) {
    const __m256 value = all8(x[i]);
    const __m256i counted = _mm256_and_si256(_mm256_castps_si256(_mm256_add_ps(_mm256_mul_ps(inverses, value), magic)), fraction);
    const __m256 level = _mm256_cvtepi32_ps(_mm256_min_epi32(limit, _mm256_sub_epi32(counted, zero)));
    const __m256 difference = _mm256_sub_ps(value, _mm256_mul_ps(scales, level));
    errors = _mm256_add_ps(errors, _mm256_mul_ps(_mm256_mul_ps(all8(weight[i]), difference), difference));
  }
  alignas(32) float error[8], candidates[8];
  _mm256_store_ps(error, errors);
  _mm256_store_ps(candidates, inverses);
  for (int i = 0; i < 8; ++i) {
    if (!(error[i] < best)) continue;
    best = error[i];
    inverse = candidates[i];
  }
  int levels[n];
  float lx = 0, l2 = 0;
  for (int i = 0; i < n; ++i) {
    const int l = within(-0x400000, most, nearestInt(inverse * x[i]));
    levels[i] = l & 255;
    lx += weight[i] * x[i] * static_cast<float>(l);
    l2 += weight[i] * static_cast<float>(l) * static_cast<float>(l);
  }
  for (int round = 0; round < 5; ++round) {
    bool changed = false;
    for (int i = 0; i < n; ++i) {
      const float wx = weight[i] * x[i], l = static_cast<float>(levels[i]);
      float restX = lx - wx * l, rest2 = l2 - weight[i] * l * l;
      if (!(restX > 0 && rest2 > 0)) continue;
      const int next = within(-0x400000, most, nearestInt(x[i] * rest2 / restX));
      if (next == levels[i]) continue;
      restX += wx * static_cast<float>(next);
      rest2 += weight[i] * static_cast<float>(next) * static_cast<float>(next);
      if (!(restX * restX * l2 > lx * lx * rest2)) continue;
      levels[i] = next & 255;
      lx = restX;
      l2 = rest2;
      changed = true;
    }
    if (!changed) break;
  }
  return l2 > 0 ? lx / l2 : 0.0f;
}

}  // namespace
}  // namespace qt
#endif
