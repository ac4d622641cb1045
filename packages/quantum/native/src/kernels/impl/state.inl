// One state: fields f_i = h_i + Σ J_ij s_j and spin masks m_i (−1 where s_i = +1), so that g_i = −s_i f_i = (f ^ m) − m
// and a flip of i costs ΔE = 2 g_i. Places beyond the last variable have a field that no threshold reaches.

namespace qt::anneal {
namespace {

template <class T> constexpr T never = sizeof(T) == 2 ? 32767 : 2147483647;

template <class V> inline V signedBy(const V& value, const V& mask) { return (value ^ mask) - mask; }

template <class T> struct State {
  Random random;
  std::int64_t energy, best;
  T* fields;
  T* spins;
  T* bestSpins;
  T* doubled;  // 2J, in the order of `neighbours`
};

inline char* aligned(char* p) { return reinterpret_cast<char*>((reinterpret_cast<std::uintptr_t>(p) + 63) & ~static_cast<std::uintptr_t>(63)); }

template <class T> inline std::size_t edges(const Problem& p) { return p.offsets != nullptr ? p.offsets[p.size] : 0; }

template <class T> inline std::size_t stateBytes(const Problem& p) {
  const auto places = static_cast<std::size_t>(padded(p.size));
  return sizeof(State<T>) + 3 * places * sizeof(T) + (p.square != nullptr ? 0 : edges<T>(p) * sizeof(T)) + 5 * 64;
}

template <class T> inline void layOut(const Problem& p, State<T>& s) {
  const auto places = static_cast<std::size_t>(padded(p.size));
  char* at = aligned(reinterpret_cast<char*>(&s) + sizeof(State<T>));
  s.fields = reinterpret_cast<T*>(at);
  s.spins = s.fields + places;
  s.bestSpins = s.spins + places;
  s.doubled = s.bestSpins + places;
  if (p.square == nullptr)
    for (std::size_t e = 0; e < edges<T>(p); ++e) s.doubled[e] = static_cast<T>(2 * p.weights[e]);
}

// A row of the square as a vector of fields' type.
template <class T, class J> inline Vec<T> squareVec(const J* row) {
  if constexpr (sizeof(J) == sizeof(T)) return load<Vec<T>>(row);
  else if constexpr (sizeof(T) == 2) return __builtin_convertvector(load<I8Half>(row), I16);
  else if constexpr (sizeof(J) == 1) return __builtin_convertvector(load<I8Quarter>(row), I32);
  else return __builtin_convertvector(load<I16Half>(row), I32);
}

template <class T, class J> inline void addRow(const Problem& p, T* fields, const J* row, T sign) {
  const int places = padded(p.size);
  const Vec<T> mask = Vec<T>{} + static_cast<T>(sign >> 1);  // all ones for −1
  for (int j = 0; j < places; j += lanesOf<T>) {
    const Vec<T> w = squareVec<T>(row + j);
    store(fields + j, load<Vec<T>>(fields + j) + (signedBy(w, mask) << 1));
  }
}

// Adds 2 J_ij s to the fields of i's neighbours.
template <class T> inline void spread(const Problem& p, const State<T>& s, std::int32_t i, T sign) {
  if (p.square == nullptr) {
    const std::uint32_t end = p.offsets[i + 1];
    for (std::uint32_t e = p.offsets[i]; e < end; ++e) s.fields[p.neighbours[e]] = static_cast<T>(s.fields[p.neighbours[e]] + s.doubled[e] * sign);
    return;
  }
  const std::size_t at = static_cast<std::size_t>(i) * static_cast<std::size_t>(padded(p.size));
  if (p.squareBytes == 1) addRow<T>(p, s.fields, static_cast<const std::int8_t*>(p.square) + at, sign);
  else if constexpr (sizeof(T) == 2) addRow<T>(p, s.fields, static_cast<const std::int16_t*>(p.square) + at, sign);
  else if (p.squareBytes == 2) addRow<T>(p, s.fields, static_cast<const std::int16_t*>(p.square) + at, sign);
  else addRow<T>(p, s.fields, static_cast<const std::int32_t*>(p.square) + at, sign);
}

// Fields and energy from the spins.
template <class T> inline void recompute(const Problem& p, State<T>& s) {
  const int places = padded(p.size);
  std::int64_t linear = 0, total = 0;
  for (int i = 0; i < places; ++i) s.fields[i] = i < p.size ? static_cast<T>(p.linear[i]) : never<T>;
  if (p.square == nullptr) {
    for (std::int32_t i = 0; i < p.size; ++i) {
      std::int32_t f = p.linear[i];
      for (std::uint32_t e = p.offsets[i]; e < p.offsets[i + 1]; ++e) f += s.spins[p.neighbours[e]] != 0 ? p.weights[e] : -p.weights[e];
      s.fields[i] = static_cast<T>(f);
    }
  } else {
    // From all spins −1: f = h − ΣJ, then each +1 adds 2J.
    for (std::int32_t i = 0; i < p.size; ++i) {
      const std::size_t at = static_cast<std::size_t>(i) * static_cast<std::size_t>(places);
      std::int32_t row = 0;
      for (std::int32_t j = 0; j < p.size; ++j)
        row += p.squareBytes == 1 ? static_cast<const std::int8_t*>(p.square)[at + static_cast<std::size_t>(j)]
               : p.squareBytes == 2 ? static_cast<const std::int16_t*>(p.square)[at + static_cast<std::size_t>(j)]
                                    : static_cast<const std::int32_t*>(p.square)[at + static_cast<std::size_t>(j)];
      s.fields[i] = static_cast<T>(p.linear[i] - row);
    }
    for (std::int32_t i = 0; i < p.size; ++i)
      if (s.spins[i] != 0) spread<T>(p, s, i, T{1});
  }
  for (std::int32_t i = 0; i < p.size; ++i) {
    const int sign = s.spins[i] != 0 ? 1 : -1;
    linear += sign * p.linear[i];
    total += sign * static_cast<std::int64_t>(s.fields[i]);
  }
  s.energy = (total + linear) / 2;  // Σ s f counts couplings twice
}

template <class T> inline void keepBest(const Problem& p, State<T>& s) {
  s.best = s.energy;
  __builtin_memcpy(s.bestSpins, s.spins, static_cast<std::size_t>(padded(p.size)) * sizeof(T));
}

template <class T> inline void begin(const Problem& p, State<T>& s) {
  recompute(p, s);
  keepBest(p, s);
}

template <class T> std::size_t oneBytes(const Problem& p) { return stateBytes<T>(p); }
inline std::int32_t oneWide(const Problem&) { return 1; }

template <class T> void startOne(const Problem& p, void* sampler, std::uint64_t seed, std::uint64_t stream) {
  auto& s = *static_cast<State<T>*>(sampler);
  layOut(p, s);
  s.random.seed(seed, stream);
  const int places = padded(p.size);
  for (int i = 0; i < places; i += 16) {
    const U32 words = s.random.next();
    for (int k = 0; k < 16; ++k) s.spins[i + k] = i + k < p.size && (words[k] >> 31) != 0 ? T{-1} : T{0};
  }
  begin(p, s);
}

template <class T> inline void bitsOf(const Problem& p, const T* spins, std::uint8_t* bits) {
  for (std::int32_t i = 0; i < p.size; ++i) bits[i] = spins[i] != 0 ? 1 : 0;
}
template <class T> void readOne(const Problem& p, const void* sampler, std::int32_t, std::uint8_t* bits) {
  bitsOf(p, static_cast<const State<T>*>(sampler)->spins, bits);
}
template <class T> void readBestOne(const Problem& p, const void* sampler, std::uint8_t* bits) {
  bitsOf(p, static_cast<const State<T>*>(sampler)->bestSpins, bits);
}
template <class T> void writeOne(const Problem& p, void* sampler, std::int32_t, const std::uint8_t* bits) {
  auto& s = *static_cast<State<T>*>(sampler);
  for (std::int32_t i = 0; i < p.size; ++i) s.spins[i] = bits[i] != 0 ? T{-1} : T{0};
  recompute(p, s);
  if (s.energy < s.best) keepBest(p, s);
}
template <class T> std::int64_t energyOne(const void* sampler, std::int32_t) { return static_cast<const State<T>*>(sampler)->energy; }
template <class T> std::int64_t bestOne(const void* sampler) { return static_cast<const State<T>*>(sampler)->best; }
template <class T> void forgetOne(const Problem& p, void* sampler) { keepBest(p, *static_cast<State<T>*>(sampler)); }

}  // namespace
}  // namespace qt::anneal
