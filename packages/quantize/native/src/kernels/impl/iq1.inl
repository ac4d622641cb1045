// IQ1_S and IQ1_M: a sub-block in each lane. Cuts that may beat the best so far are rare; these are looked at one by one.
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

  // How sums are estimated in lanes: fewer operations than explain() takes, in another order.
  template <int size>
  struct Estimate {
    using Sums = IQ1Sums<size, 8>;
    static constexpr int halves = Sums::halves, shifts = Sums::shifts;
    const Sums& sums;
    __m256 whole[shifts], before[shifts], fixed[halves][2];

    static __m256 at(const float (&row)[8]) { return _mm256_load_ps(row); }
    static float square(int down, int level) { return iq1Shifted[down][level] * iq1Shifted[down][level]; }
    __m256 sumTo(int j) const { return halves == 1 ? at(sums.x[0][j]) : _mm256_add_ps(at(sums.x[0][j]), at(sums.x[halves - 1][j])); }

    explicit Estimate(const Sums& of) : sums(of) {
      for (int s = 0; s < shifts; ++s) {
        const int down = halves == 1 ? s : s >> 1;
        whole[s] = _mm256_mul_ps(at(sums.x[0][size]), all8(iq1Shifted[down][2]));
        if (halves == 2) whole[s] = _mm256_add_ps(whole[s], _mm256_mul_ps(at(sums.x[halves - 1][size]), all8(iq1Shifted[s & 1][2])));
      }
    }

    __attribute__((always_inline)) void begin(int first) {
      const __m256 sum = sumTo(first);
      for (int s = 0; s < shifts; ++s) before[s] = _mm256_sub_ps(whole[s], sum);
      for (int half = 0; half < halves; ++half)
        for (int down = 0; down < 2; ++down)
          fixed[half][down] = _mm256_add_ps(_mm256_mul_ps(at(sums.w[half][size]), all8(square(down, 2))),
                                            _mm256_mul_ps(at(sums.w[half][first]), all8(square(down, 0) - square(down, 1))));
    }

    __attribute__((always_inline)) void end(int second, __m256 (&lx)[shifts], __m256 (&l2)[shifts]) const {
      const __m256 sum = sumTo(second);
      __m256 half2[halves][2];
      for (int half = 0; half < halves; ++half)
        for (int down = 0; down < 2; ++down)
          half2[half][down] =
              _mm256_add_ps(fixed[half][down], _mm256_mul_ps(at(sums.w[half][second]), all8(square(down, 1) - square(down, 2))));
      for (int s = 0; s < shifts; ++s) {
        lx[s] = _mm256_sub_ps(before[s], sum);
        l2[s] = halves == 1 ? half2[0][s] : _mm256_add_ps(half2[0][s >> 1], half2[halves - 1][s & 1]);
      }
    }
  };

  // What the best of a few usual cuts explains, as its numerator and denominator; 0 and 1 when none does.
  template <int size>
  static void usualCuts(const IQ1Sums<size, 8>& sums, float* most, float* of) {
    constexpr int shifts = IQ1Sums<size, 8>::shifts, step = size / 16;
    Estimate<size> estimate(sums);
    __m256 bestX = all8(0), best2 = all8(1), lx[shifts], l2[shifts];
    for (int first = 3 * step; first <= 6 * step; first += step) {
      estimate.begin(first);
      for (int second = 10 * step; second <= 13 * step; second += step) {
        estimate.end(second, lx, l2);
        for (int s = 0; s < shifts; ++s) {
          const __m256 squared = _mm256_mul_ps(lx[s], lx[s]);
          const __m256 more = _mm256_cmp_ps(_mm256_mul_ps(squared, best2), _mm256_mul_ps(bestX, l2[s]), _CMP_GT_OQ);
          const __m256 better = _mm256_and_ps(more, _mm256_cmp_ps(l2[s], all8(0), _CMP_GT_OQ));
          bestX = _mm256_blendv_ps(bestX, squared, better);
          best2 = _mm256_blendv_ps(best2, l2[s], better);
        }
      }
    }
    _mm256_storeu_ps(most, bestX);
    _mm256_storeu_ps(of, best2);
  }

  // An estimate errs by less than this part of what is explained, see isEstimable.
  static constexpr float certain = 0.9998f;

  // Squares neither overflow nor lose digits, and sums do not cancel: Σwqx of a cut that explains as much as the usual ones is at least
  // √(Σwx² · Σw/64) times a number near 1, and its error some 10⁻⁷·Σ|wx|.
  static bool isEstimable(float most, float of, float magnitudes, float weights) {
    return most > 1e-30f && most < 1e30f && of > 1e-30f && magnitudes * magnitudes <= 30.0f * (most / of) * weights;
  }

  // Of eight sub-blocks. A search that begins with a little less than what the usual cuts explain ends with the same cut as one that
  // begins with nothing: cuts below that cannot be the last one taken, nor change which one is.
  template <int size>
  static void cutsOf8(const float* x, const float* weight, const int (*order)[size], const bool* used, IQ1Cut* cuts) {
    constexpr int shifts = IQ1Sums<size, 8>::shifts, halves = IQ1Sums<size, 8>::halves;
    IQ1Sums<size, 8> sums;
    IQ1Best best[8];
    float magnitudes[8] = {}, most[8], of[8];
    alignas(32) float least[8] = {};
    for (int l = 0; l < 8; ++l) {
      if (!used[l]) {
        clear(sums, l);
        continue;
      }
      sums.set(l, x + size * l, weight + size * l, order[l]);
      for (int i = size * l; i < size * (l + 1); ++i) magnitudes[l] += std::fabs(weight[i] * x[i]);
    }
    usualCuts<size>(sums, most, of);
    for (int l = 0; l < 8; ++l) {
      if (!used[l]) continue;
      const float weights = sums.w[0][size][l] + (halves == 2 ? sums.w[halves - 1][size][l] : 0.0f);
      if (isEstimable(most[l], of[l], magnitudes[l], weights)) {
        best[l].score = most[l] / of[l] * certain;
        least[l] = best[l].score * certain;
      } else {
        best[l].considerAll(sums, l);
        clear(sums, l);
      }
    }
    Estimate<size> estimate(sums);
    __m256 limit = _mm256_load_ps(least), lx[shifts], l2[shifts];
    for (int first = 0; first <= size; ++first) {
      estimate.begin(first);
      for (int second = first; second <= size; ++second) {
        estimate.end(second, lx, l2);
        __m256 better = all8(0);
        for (int s = 0; s < shifts; ++s)
          better = _mm256_or_ps(better, _mm256_cmp_ps(_mm256_mul_ps(lx[s], lx[s]), _mm256_mul_ps(limit, l2[s]), _CMP_GT_OQ));
        for (auto mask = static_cast<unsigned>(_mm256_movemask_ps(better)); mask != 0; mask &= mask - 1) {
          const int l = __builtin_ctz(mask);
          best[l].consider(sums, l, first, second);
          least[l] = best[l].score * certain;
          if ((mask & (mask - 1)) == 0) limit = _mm256_load_ps(least);
        }
      }
    }
    for (int l = 0; l < 8; ++l) cuts[l] = best[l].cut;
  }

  // Sums of nothing are not better than a limit of nothing.
  template <int size>
  static void clear(IQ1Sums<size, 8>& sums, int lane) {
    for (int half = 0; half < sums.halves; ++half)
      for (int j = 0; j <= size; ++j) sums.x[half][j][lane] = sums.w[half][j][lane] = 0;
  }

  template <int size>
  static void cuts(const float* x, const float* weight, const int (*order)[size], const bool* used, IQ1Cut* cuts) {
    for (int i = 0; i < 256 / size; i += 8) cutsOf8<size>(x + size * i, weight + size * i, order + i, used + i, cuts + i);
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
