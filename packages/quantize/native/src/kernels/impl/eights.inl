// Eight lanes of float32, for searches that try several scales of one block, or several points, at once. AVX-512 machines use them too:
// the searches are short, and two registers of eight cost what one of sixteen does.
#if defined(__AVX2__)
namespace qt {
namespace {

QT_INLINE __m256 all8(float x) { return _mm256_set1_ps(x); }
QT_INLINE __m256i lanesOf8() { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }

QT_INLINE float leastOf8(__m256 x) {
  __m128 m = _mm_min_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  m = _mm_min_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_min_ss(m, _mm_movehdup_ps(m)));
}

// The position in a list of points (Grid::near) of least Σ table[value][level], added in order; of equals the first. Values are eight
// of two bits with tables of four, in both halves of a register, or four of three bits with tables of eight.
template <int values, int bits>
QT_INLINE std::uint16_t bestOfList(const std::uint16_t* list, const __m256 table[values]) {
  const auto pick = [](__m256 t, __m256i code) {
    if constexpr (bits == 2) return _mm256_permutevar_ps(t, code);
    else return _mm256_permutevar8x32_ps(t, code);
  };
  __m256 least = all8(3.402823466e+38f);
  __m256i found = _mm256_setzero_si256();
  const int count = list[0];
  for (int n = 0; n < count; n += 8) {
    const __m256i codes = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(list + 1 + n)));
    __m256 error = pick(table[0], codes);
    for (int i = 1; i < values; ++i) error = _mm256_add_ps(error, pick(table[i], _mm256_srli_epi32(codes, bits * i)));
    const __m256 less = _mm256_cmp_ps(error, least, _CMP_LT_OQ);
    least = _mm256_blendv_ps(least, error, less);
    found = _mm256_blendv_epi8(found, _mm256_set1_epi32(n), _mm256_castps_si256(less));
  }
  const auto equal = static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(least, all8(leastOf8(least)), _CMP_EQ_OQ)));
  alignas(32) std::int32_t start[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(start), found);
  int first = 0x7fffffff;
  for (unsigned rest = equal; rest != 0; rest &= rest - 1) {
    const int lane = __builtin_ctz(rest), at = start[lane] + lane;
    first = at < first ? at : first;
  }
  return list[1 + first];
}

// Tables for bestOfList of weight·(q − x)²; q holds what each level stands for.
template <int values>
QT_INLINE void squaredErrors(__m256 q, const float* x, const float* weight, __m256 table[values]) {
  for (int i = 0; i < values; ++i) {
    const __m256 difference = _mm256_sub_ps(q, all8(x[i]));
    table[i] = _mm256_mul_ps(_mm256_mul_ps(all8(weight[i]), difference), difference);
  }
}

}  // namespace
}  // namespace qt
#endif
