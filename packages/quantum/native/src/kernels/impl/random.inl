// Sixteen independent generators (sfc32 by Chris Doty-Humphrey: add, xor, rotate only) and thresholds of Metropolis' rule.
// A move of cost ΔE = 2g is accepted when u < exp(−βΔE), that is when g ≤ −ln(u) / 2β: no exponential is taken, and
// since g is a whole number the threshold may be truncated to one.

namespace qt::anneal {
namespace {

struct Random {
  U32 a, b, c, d;

  void seed(std::uint64_t seed, std::uint64_t stream) {
    std::uint64_t x = seed ^ (stream * 0xd1342543de82ef95ull + 0x2545f4914f6cdd1dull);
    const auto mix = [&x] {  // splitmix64
      std::uint64_t z = (x += 0x9e3779b97f4a7c15ull);
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
      return z ^ (z >> 31);
    };
    for (int i = 0; i < 16; ++i) {
      const std::uint64_t p = mix(), q = mix();
      a[i] = static_cast<std::uint32_t>(p);
      b[i] = static_cast<std::uint32_t>(p >> 32);
      c[i] = static_cast<std::uint32_t>(q);
      d[i] = 1;
    }
    for (int i = 0; i < 12; ++i) next();
  }

  U32 next() {
    const U32 out = a + b + d;
    d += 1;
    a = b ^ (b >> 9);
    b = c + (c << 3);
    c = ((c << 21) | (c >> 11)) + out;
    return out;
  }
};

// −log2(u) for u uniform in (0, 1), off by less than 0.001.
inline F32 exponentialBits(Random& random) {
  const I32 bits24 = (I32)(random.next() >> 8);
  const F32 u = __builtin_convertvector(bits24, F32) + 0.5f;      // times 2^24
  const I32 bits = (I32)u;
  const F32 rough = __builtin_convertvector(bits, F32) * 0x1p-23f;  // exponent + 127 + (mantissa − 1)
  const F32 m = (F32)((bits & 0x007fffff) | 0x3f800000) - 1.0f;
  // log2(1 + m) − m, exact at both ends and in the middle
  const F32 bend = m * (1.0f - m) * (0.4427f + m * (0.0834f * m - 0.2474f));
  return 151.0f - rough - bend;
}

constexpr float ln2 = 0.69314718f;

template <class T> struct Thresholds;

// `scale` is ln 2 / 2β: the same for all lanes, or one each.
template <> struct Thresholds<std::int32_t> {
  template <class Scale> static I32 draw(Random& random, const Scale& scale) {
    F32 t = exponentialBits(random) * scale[0];
    t = t < 2e9f ? t : F32{} + 2e9f;
    return __builtin_convertvector(t, I32);
  }
};
template <> struct Thresholds<std::int16_t> {
  template <class Scale> static I16 draw(Random& random, const Scale& scale) {
    F32 t = exponentialBits(random) * scale[0], v = exponentialBits(random) * scale[1];
    t = t < 32766.0f ? t : F32{} + 32766.0f;
    v = v < 32766.0f ? v : F32{} + 32766.0f;
    return joined(__builtin_convertvector(t, I32), __builtin_convertvector(v, I32));
  }
};

// A uniform number in [0, n) of one lane's word.
inline std::uint32_t below(std::uint32_t word, std::uint32_t n) {
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(word) * n) >> 32);
}

}  // namespace
}  // namespace qt::anneal
