// IQ1_S and IQ1_M: second cuts in lanes. A lane that beats the best so far is rare; then the lanes are looked at in order.
#if defined(__AVX2__)
namespace qt {
namespace {

struct IQ1Search {
  static std::uint16_t point(const Grid& grid, std::uint16_t code, const float* x, const float* weight, float scale, const float* shifted) {
    __m256 table[8];
    const __m256 q = _mm256_setr_ps(shifted[0], shifted[1], shifted[2], 0, shifted[0], shifted[1], shifted[2], 0);
    squaredErrors<8>(_mm256_mul_ps(all8(scale), q), x, weight, table);
    return bestOfList<8, 2>(grid.near(grid.at[code]), table);
  }

  // Each value's place is the number of those before it.
  template <int size>
  static void sort(const float* x, int* order) {
    __m256i place[size / 8] = {};
    for (int j = 0; j < size; ++j) {
      const __m256 other = all8(x[j]);
      for (int r = 0; r < size / 8; ++r) {
        const __m256 own = _mm256_loadu_ps(x + 8 * r);
        __m256 before = _mm256_cmp_ps(other, own, _CMP_LT_OQ);
        if (j < 8 * r + 8) {
          const __m256 later = _mm256_castsi256_ps(_mm256_cmpgt_epi32(lanesOf8(), _mm256_set1_epi32(j - 8 * r)));
          before = _mm256_or_ps(before, _mm256_and_ps(_mm256_cmp_ps(other, own, _CMP_EQ_OQ), later));
        }
        place[r] = _mm256_sub_epi32(place[r], _mm256_castps_si256(before));
      }
    }
    alignas(32) std::int32_t at[size];
    for (int r = 0; r < size / 8; ++r) _mm256_store_si256(reinterpret_cast<__m256i*>(at + 8 * r), place[r]);
    for (int i = 0; i < size; ++i) order[at[i]] = i;
  }

  static __m256 lanesFrom(int first, int second) {
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(lanesOf8(), _mm256_set1_epi32(first - second - 1)));
  }

  // A little less than what the best of some cuts explains. Cuts that explain less than that cannot be the last one taken, nor
  // change which one is: rounding is finer than the margin.
  template <int size, int shifts, class Sums>
  QT_INLINE float floorOf(Sums sums) {
    __m256 bestX = all8(0), best2 = all8(1), lx[shifts], l2[shifts];
    for (int first = size / 8; first <= size / 2; first += size / 8)
      for (int second = first & ~7; second < size; second += 8) {
        sums(first, second, lx, l2);
        for (int s = 0; s < shifts; ++s) {
          const __m256 squared = _mm256_mul_ps(lx[s], lx[s]);
          __m256 better = _mm256_cmp_ps(_mm256_mul_ps(squared, best2), _mm256_mul_ps(bestX, l2[s]), _CMP_GT_OQ);
          better = _mm256_and_ps(_mm256_and_ps(better, _mm256_cmp_ps(l2[s], all8(0), _CMP_GT_OQ)), lanesFrom(first, second));
          bestX = _mm256_blendv_ps(bestX, squared, better);
          best2 = _mm256_blendv_ps(best2, l2[s], better);
        }
      }
    alignas(32) float x[8], two[8];
    _mm256_store_ps(x, bestX);
    _mm256_store_ps(two, best2);
    float most = -3.402823466e+38f;
    for (int i = 0; i < 8; ++i) {
      // Squares that overflow, or lose digits, bound nothing.
      if (!(x[i] < 1e30f)) return -3.402823466e+38f;
      if (x[i] > 1e-30f && two[i] > 1e-30f && x[i] / two[i] * 0.99999f > most) most = x[i] / two[i] * 0.99999f;
    }
    return most;
  }

  // `sums(first, second, lx, l2)` gives the sums of each shift in lanes of second cuts from `second` on.
  template <int size, int shifts, class Sums>
  QT_INLINE IQ1Cut bestCut(Sums sums) {
    IQ1Cut best;
    float score = floorOf<size, shifts>(sums);
    __m256 lx[shifts], l2[shifts];
    for (int first = 0; first <= size; ++first)
      for (int second = first & ~7; second <= size; second += 8) {
        sums(first, second, lx, l2);
        __m256 better = all8(0);
        for (int s = 0; s < shifts; ++s) {
          const __m256 more = _mm256_cmp_ps(_mm256_mul_ps(lx[s], lx[s]), _mm256_mul_ps(all8(score), l2[s]), _CMP_GT_OQ);
          better = _mm256_or_ps(better, _mm256_and_ps(more, _mm256_cmp_ps(l2[s], all8(0), _CMP_GT_OQ)));
        }
        auto mask = static_cast<unsigned>(_mm256_movemask_ps(better));
        if (first > second) mask &= ~0u << (first - second);
        if (size < second + 7) mask &= (1u << (size - second + 1)) - 1;
        if (mask == 0) continue;
        alignas(32) float sumX[shifts][8], sum2[shifts][8];
        for (int s = 0; s < shifts; ++s) {
          _mm256_store_ps(sumX[s], lx[s]);
          _mm256_store_ps(sum2[s], l2[s]);
        }
        for (; mask != 0; mask &= mask - 1) {
          const int lane = __builtin_ctz(mask);
          for (int s = 0; s < shifts; ++s) {
            const float x = sumX[s][lane], two = sum2[s][lane];
            if (!(two > 0 && x * x > score * two)) continue;
            best = {first, second + lane, s, x / two};
            score = best.scale * x;
          }
        }
      }
    return best;
  }

  static IQ1Cut cutOf32(const float* x, const float* weight, const int* order) {
    alignas(32) float sumX[40] = {}, sumW[40] = {};
    for (int j = 0; j < 32; ++j) {
      sumX[j + 1] = sumX[j] + weight[order[j]] * x[order[j]];
      sumW[j + 1] = sumW[j] + weight[order[j]];
    }
    return bestCut<32, 2>([&](int first, int second, __m256 (&lx)[2], __m256 (&l2)[2]) __attribute__((always_inline)) {
      const __m256 secondX = _mm256_load_ps(sumX + second), secondW = _mm256_load_ps(sumW + second);
      const __m256 middleX = _mm256_sub_ps(secondX, all8(sumX[first])), middleW = _mm256_sub_ps(secondW, all8(sumW[first]));
      const __m256 restX = _mm256_sub_ps(all8(sumX[32]), secondX), restW = _mm256_sub_ps(all8(sumW[32]), secondW);
      for (int s = 0; s < 2; ++s) {
        const float* q = iq1Shifted[s];
        const __m256 q1 = all8(q[1]), q2 = all8(q[2]);
        lx[s] = _mm256_add_ps(_mm256_add_ps(all8(sumX[first] * q[0]), _mm256_mul_ps(middleX, q1)), _mm256_mul_ps(restX, q2));
        l2[s] = _mm256_add_ps(_mm256_add_ps(all8(sumW[first] * q[0] * q[0]), _mm256_mul_ps(_mm256_mul_ps(middleW, q1), q1)),
                              _mm256_mul_ps(_mm256_mul_ps(restW, q2), q2));
      }
    });
  }

  static IQ1Cut cutOf16(const float* x, const float* weight, const int* order) {
    alignas(32) float sumX[2][24] = {}, sumW[2][24] = {};
    for (int j = 0; j < 16; ++j) {
      const int i = order[j], here = i / 8;
      sumX[here][j + 1] = sumX[here][j] + weight[i] * x[i];
      sumW[here][j + 1] = sumW[here][j] + weight[i];
      sumX[1 - here][j + 1] = sumX[1 - here][j];
      sumW[1 - here][j + 1] = sumW[1 - here][j];
    }
    return bestCut<16, 4>([&](int first, int second, __m256 (&lx)[4], __m256 (&l2)[4]) __attribute__((always_inline)) {
      __m256 halfX[2][2], half2[2][2];  // by half and shift
      for (int half = 0; half < 2; ++half) {
        const __m256 before = _mm256_add_ps(all8(sumX[half][first]), _mm256_load_ps(sumX[half] + second));
        const __m256 secondW = _mm256_load_ps(sumW[half] + second);
        for (int s = 0; s < 2; ++s) {
          const float* q = iq1Shifted[s];
          halfX[half][s] = _mm256_sub_ps(all8(sumX[half][16] * q[2]), before);
          half2[half][s] = _mm256_add_ps(all8(sumW[half][16] * q[2] * q[2] + sumW[half][first] * (q[0] * q[0] - q[1] * q[1])),
                                         _mm256_mul_ps(secondW, all8(q[1] * q[1] - q[2] * q[2])));
        }
      }
      for (int s = 0; s < 4; ++s) {
        lx[s] = _mm256_add_ps(halfX[0][s >> 1], halfX[1][s & 1]);
        l2[s] = _mm256_add_ps(half2[0][s >> 1], half2[1][s & 1]);
      }
    });
  }
};

inline bool encodeIQ1_SRow(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out) {
  if (!allFinite(x, columns)) return false;
  const Grid& grid = gridOfIQ1();
  float refused = 0;
  for (std::int64_t i = 0; i < columns; i += 256, out += 50)
    if (!encodeIQ1_SBlock<IQ1Search>(x + i, importance == nullptr ? nullptr : importance + i, grid, out, refused)) return false;
  return true;
}

inline bool encodeIQ1_MRow(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out) {
  if (!allFinite(x, columns)) return false;
  const Grid& grid = gridOfIQ1();
  float refused = 0;
  for (std::int64_t i = 0; i < columns; i += 256, out += 56)
    if (!encodeIQ1_MBlock<IQ1Search>(x + i, importance == nullptr ? nullptr : importance + i, grid, out, refused)) return false;
  return true;
}

}  // namespace
}  // namespace qt
#endif
