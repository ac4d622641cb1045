// IQ2 and IQ3: all scales of one sub-block are tried at once, one in each lane; then for each lane that is off the grid the points
// nearby are compared, eight at once.
#if defined(__AVX2__)
namespace qt {
namespace {

template <class Format>
struct LatticeFitter {
  static constexpr int size = Format::size, group = Format::group, groups = size / group, bits = Format::bits;
  static constexpr int tries = 2 * Format::tries + 1, registers = (tries + 7) / 8;
  static constexpr float most = 2 * Format::levels - 1;

  const float* weight;
  const float* x;
  const Grid& grid;
  float root[size];  // of the weights

  LatticeFitter(const float* w, const float* values, const Grid& points) : weight(w), x(values), grid(points) {
    for (int i = 0; i < size; i += 8) _mm256_storeu_ps(root + i, _mm256_sqrt_ps(_mm256_loadu_ps(w + i)));
  }

  // The numbers levels stand for: 1, 3, 5, 7 twice, or 1 to 15.
  static __m256 odd() {
    if constexpr (bits == 2) return _mm256_setr_ps(1, 3, 5, 7, 1, 3, 5, 7);
    else return _mm256_setr_ps(1, 3, 5, 7, 9, 11, 13, 15);
  }

  // Codes of the values of group k, rounded one by one under the scale of each lane.
  __m256i rounded(__m256 inverse, int k) const {
    const __m256 one = all8(1), half = all8(0.5f), magic = all8(12582912.0f);
    const __m256i low = _mm256_set1_epi32(0x400000), high = _mm256_set1_epi32(0x400000 + Format::levels - 1), fraction = _mm256_set1_epi32(0x7fffff);
    __m256i code = _mm256_setzero_si256();
    for (int i = group - 1; i >= 0; --i) {
      const __m256 level = _mm256_mul_ps(half, _mm256_sub_ps(_mm256_mul_ps(inverse, all8(x[group * k + i])), one));
      const __m256i counted = _mm256_and_si256(_mm256_castps_si256(_mm256_add_ps(level, magic)), fraction);
      const __m256i kept = _mm256_sub_epi32(_mm256_max_epi32(low, _mm256_min_epi32(high, counted)), low);
      code = _mm256_or_si256(_mm256_slli_epi32(code, bits), kept);
    }
    return code;
  }

  std::uint16_t best(std::int32_t place, float scale, int k) const {
    __m256 table[group];
    squaredErrors<group>(_mm256_mul_ps(all8(scale), odd()), x + group * k, root + group * k, table);
    return bestOfList<group, bits>(grid.near(place), table);
  }

  void addMoments(__m256i codes, int k, __m256& lx, __m256& l2) const {
    for (int i = 0; i < group; ++i) {
      const __m256i code = _mm256_srli_epi32(codes, bits * i);
      __m256 q;
      if constexpr (bits == 2) q = _mm256_permutevar_ps(odd(), code);
      else q = _mm256_permutevar8x32_ps(odd(), code);
      const float w = weight[group * k + i];
      lx = _mm256_add_ps(lx, _mm256_mul_ps(all8(w * x[group * k + i]), q));
      l2 = _mm256_add_ps(l2, _mm256_mul_ps(_mm256_mul_ps(all8(w), q), q));
    }
  }

  void fit(float max, LatticeFit& result) const {
    float scale = max / most;
    if constexpr (Format::startsFitted) {
      scale = fitPositive4(x, weight);
      max = scale * 3;
      if (max <= 0) return;
    }
    result.stored = true;
    alignas(32) std::uint32_t codes[groups][8 * registers];
    alignas(32) float scales[8 * registers], sumX[8 * registers], sum2[8 * registers];
    std::uint32_t offGrid[8 * registers] = {};
    for (int r = 0; r < registers; ++r) {
      const __m256 index = _mm256_cvtepi32_ps(_mm256_add_epi32(lanesOf8(), _mm256_set1_epi32(8 * r - Format::tries)));
      const __m256 inverse = _mm256_div_ps(_mm256_add_ps(all8(most), _mm256_mul_ps(index, all8(Format::step))), all8(max));
      _mm256_store_ps(scales + 8 * r, _mm256_div_ps(all8(1), inverse));
      __m256 lx = all8(0), l2 = all8(0);
      for (int k = 0; k < groups; ++k) {
        std::uint32_t* at = codes[k] + 8 * r;
        _mm256_store_si256(reinterpret_cast<__m256i*>(at), rounded(inverse, k));
        for (int lane = 0; lane < 8 && 8 * r + lane < tries; ++lane) {
          const std::int32_t place = grid.at[at[lane]];
          if (place >= 0) continue;
          offGrid[8 * r + lane] |= 1u << k;
          at[lane] = best(place, scales[8 * r + lane], k);
        }
        addMoments(_mm256_load_si256(reinterpret_cast<const __m256i*>(at)), k, lx, l2);
      }
      _mm256_store_ps(sumX + 8 * r, lx);
      _mm256_store_ps(sum2 + 8 * r, l2);
    }
    float explained = 0;
    int winner = -1;
    for (int i = 0; i < tries; ++i) {
      if (!(sum2[i] > 0 && sumX[i] * sumX[i] > explained * sum2[i])) continue;
      scale = sumX[i] / sum2[i];
      explained = scale * sumX[i];
      winner = i;
    }
    std::uint32_t off = Format::research == Research::All ? ~0u : 0;
    if (winner >= 0) {
      off = offGrid[winner];
      for (int k = 0; k < groups; ++k) result.codes[k] = static_cast<std::uint16_t>(codes[k][winner]);
    }
    if (scale > 0 && (off != 0 || Format::research == Research::Always)) scale = searchAgain(scale, off, result);
    result.scale = scale;
  }

  // The points under the scale that was found, and the scale that fits them.
  float searchAgain(float scale, std::uint32_t off, LatticeFit& result) const {
    __m256 lx = all8(0), l2 = all8(0);
    for (int k = 0; k < groups; ++k) {
      if (Format::research != Research::OffGrid || (off >> k & 1) != 0) {
        const auto code = static_cast<std::uint16_t>(_mm256_cvtsi256_si32(rounded(all8(1 / scale), k)));
        const std::int32_t place = grid.at[code];
        result.codes[k] = place >= 0 ? code : best(place, scale, k);
      }
      addMoments(_mm256_set1_epi32(result.codes[k]), k, lx, l2);
    }
    const float sum = _mm256_cvtss_f32(l2);
    return sum > 0 ? _mm256_cvtss_f32(lx) / sum : scale;
  }
};

template <class Format>
bool encodeLatticeRow(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out) {
  if (!allFinite(x, columns)) return false;
  const Grid& grid = Format::grid();
  const auto fit = [](const float* weight, const float* magnitudes, float max, const Grid& points, LatticeFit& result) {
    LatticeFitter<Format>(weight, magnitudes, points).fit(max, result);
  };
  float refused = 0;
  for (std::int64_t i = 0; i < columns; i += 256, out += Format::bytes)
    if (!encodeLattice<Format>(x + i, importance == nullptr ? nullptr : importance + i, grid, fit, out, refused)) return false;
  return true;
}

}  // namespace
}  // namespace qt
#endif
