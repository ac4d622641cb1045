// Metropolis over as many states as a vector has lanes: a variable of all of them at once. The lanes that accept decide what is added to
// the neighbours' fields. Each lane has its own temperature; tempering exchanges temperatures, never states.

namespace qt::anneal {
namespace {

template <class T> struct LanesState {
  Random random;
  std::int64_t energies[lanesOf<T>];
  float betas[lanesOf<T>];              // of each lane
  std::int32_t order[lanesOf<T>];       // lanes by ascending β
  std::int64_t best;
  std::uint32_t sweeps;
  Vec<T>* fields;
  Vec<T>* spins;
  std::uint8_t* bestBits;
  std::uint8_t* seen;
  std::int32_t* queue;
  T* doubled;
};

template <class T> std::size_t lanesBytes(const Problem& p) {
  const auto n = static_cast<std::size_t>(p.size);
  return sizeof(LanesState<T>) + 2 * 64 * n + 6 * n + edges<T>(p) * sizeof(T) + 8 * 64;
}

template <class T> std::int32_t lanesWide(const Problem&) { return lanesOf<T>; }

template <class T> inline void layOutLanes(const Problem& p, LanesState<T>& s) {
  const auto n = static_cast<std::size_t>(p.size);
  char* at = aligned(reinterpret_cast<char*>(&s) + sizeof(LanesState<T>));
  s.fields = reinterpret_cast<Vec<T>*>(at);
  s.spins = s.fields + n;
  s.queue = reinterpret_cast<std::int32_t*>(s.spins + n);
  s.doubled = reinterpret_cast<T*>(aligned(reinterpret_cast<char*>(s.queue + n)));
  s.bestBits = reinterpret_cast<std::uint8_t*>(s.doubled + edges<T>(p));
  s.seen = s.bestBits + n;
  for (std::size_t i = 0; i < n; ++i) s.seen[i] = 0;
  for (std::size_t e = 0; e < edges<T>(p); ++e) s.doubled[e] = static_cast<T>(2 * p.weights[e]);
}

template <class T> void recomputeLanes(const Problem& p, LanesState<T>& s) {
  std::int64_t twice[lanesOf<T>] = {};
  for (std::int32_t i = 0; i < p.size; ++i) {
    Vec<T> f = Vec<T>{} + static_cast<T>(p.linear[i]);
    for (std::uint32_t e = p.offsets[i]; e < p.offsets[i + 1]; ++e)
      f -= signedBy(Vec<T>{} + static_cast<T>(p.weights[e]), s.spins[p.neighbours[e]]);  // J s = −(J signed by the mask)
    s.fields[i] = f;
    for (int k = 0; k < lanesOf<T>; ++k) twice[k] += (s.spins[i][k] != 0 ? 1 : -1) * (static_cast<std::int64_t>(f[k]) + p.linear[i]);
  }
  for (int k = 0; k < lanesOf<T>; ++k) s.energies[k] = twice[k] / 2;
}

template <class T> void readLane(const Problem& p, const void* sampler, std::int32_t lane, std::uint8_t* bits) {
  const auto& s = *static_cast<const LanesState<T>*>(sampler);
  const T* spins = reinterpret_cast<const T*>(s.spins) + lane;
  for (std::int32_t i = 0; i < p.size; ++i) bits[i] = spins[static_cast<std::size_t>(i) * lanesOf<T>] != 0 ? 1 : 0;
}

template <class T> void keepBestLane(const Problem& p, LanesState<T>& s, bool anew) {
  int lane = 0;
  for (int k = 1; k < lanesOf<T>; ++k)
    if (s.energies[k] < s.energies[lane]) lane = k;
  if (!anew && s.energies[lane] >= s.best) return;
  s.best = s.energies[lane];
  readLane<T>(p, &s, lane, s.bestBits);
}

template <class T> void startLanes(const Problem& p, void* sampler, std::uint64_t seed, std::uint64_t stream) {
  auto& s = *static_cast<LanesState<T>*>(sampler);
  layOutLanes(p, s);
  s.random.seed(seed, stream);
  s.sweeps = 0;
  for (int k = 0; k < lanesOf<T>; ++k) {
    s.betas[k] = 1;
    s.order[k] = k;
  }
  for (std::int32_t i = 0; i < p.size; ++i) {
    const I32 low = (I32)s.random.next() >> 31;
    if constexpr (sizeof(T) == 2) s.spins[i] = joined(low, (I32)s.random.next() >> 31);
    else s.spins[i] = low;
  }
  recomputeLanes(p, s);
  keepBestLane(p, s, true);
}

// Sums of accepted g of one sweep. Their number is bounded so that 32 bits hold them; then they are added to the energies.
template <class T> struct Tally;
template <> struct Tally<std::int16_t> {
  I32 low{}, high{};
  int room = 60000;
  void add(const I16& g) {
    I16Half a, b;
    __builtin_memcpy(&a, &g, 32);
    __builtin_memcpy(&b, reinterpret_cast<const char*>(&g) + 32, 32);
    low += __builtin_convertvector(a, I32);
    high += __builtin_convertvector(b, I32);
  }
  void flush(std::int64_t* energies) {
    for (int k = 0; k < 16; ++k) {
      energies[k] += 2 * static_cast<std::int64_t>(low[k]);
      energies[16 + k] += 2 * static_cast<std::int64_t>(high[k]);
    }
    low = high = I32{};
    room = 60000;
  }
};
template <> struct Tally<std::int32_t> {
  I64 low{}, high{};
  int room = 1 << 30;
  void add(const I32& g) {
    I32Half a, b;
    __builtin_memcpy(&a, &g, 32);
    __builtin_memcpy(&b, reinterpret_cast<const char*>(&g) + 32, 32);
    low += __builtin_convertvector(a, I64);
    high += __builtin_convertvector(b, I64);
  }
  void flush(std::int64_t* energies) {
    for (int k = 0; k < 8; ++k) {
      energies[k] += 2 * low[k];
      energies[8 + k] += 2 * high[k];
    }
    low = high = I64{};
    room = 1 << 30;
  }
};

template <class T> void sweepLanes(const Problem& p, LanesState<T>& s, const F32* scale) {
  Random random = s.random;
  Tally<T> tally;
  const T* doubled = s.doubled;
  const std::uint32_t* neighbours = p.neighbours;
  for (std::int32_t i = 0; i < p.size; ++i) {
    const Vec<T> threshold = Thresholds<T>::draw(random, scale);
    const Vec<T> spins = s.spins[i];
    const Vec<T> g = signedBy(s.fields[i], spins);
    if (lessEqual(g, threshold) == 0) continue;
    const Vec<T> accepted = (Vec<T>)(g <= threshold);
    tally.add(g & accepted);
    s.spins[i] = spins ^ accepted;
    const Vec<T> turned = (spins + spins + 1) & accepted;  // the new s of the lanes that accept, 0 elsewhere
    const std::uint32_t end = p.offsets[i + 1];
    for (std::uint32_t e = p.offsets[i]; e < end; ++e) s.fields[neighbours[e]] += turned * doubled[e];
    if (--tally.room == 0) tally.flush(s.energies);
  }
  tally.flush(s.energies);
  s.random = random;
}

template <class T> void runLanes(const Problem& p, void* sampler, const float* betas, std::int32_t count) {
  auto& s = *static_cast<LanesState<T>*>(sampler);
  for (std::int32_t k = 0; k < count; ++k) {
    const F32 scale[2] = {F32{} + ln2 / (2 * betas[k]), F32{} + ln2 / (2 * betas[k])};
    sweepLanes(p, s, scale);
    keepBestLane(p, s, false);
  }
}

// One after the other, neighbours in temperature: accepted when −ln(u) ≥ (β' − β)(E' − E).
template <class T> void exchange(LanesState<T>& s) {
  constexpr int width = lanesOf<T>;
  alignas(64) float needed[width];
  for (int k = 0; k < width; k += 16) store(needed + k, exponentialBits(s.random) * ln2);
  for (int k = static_cast<int>(s.sweeps & 1); k + 1 < width; k += 2) {
    const int a = s.order[k], b = s.order[k + 1];
    const float cost = (s.betas[b] - s.betas[a]) * static_cast<float>(s.energies[a] - s.energies[b]);
    // s.betas[b] ≥ s.betas[a]: exchange when the colder one has the higher energy, or by chance.
    if (-cost > needed[k]) continue;
    const float beta = s.betas[a];
    s.betas[a] = s.betas[b];
    s.betas[b] = beta;
    s.order[k] = b;
    s.order[k + 1] = a;
  }
}

template <class T> inline void turn(const Problem& p, LanesState<T>& s, std::int32_t i, int lane) {
  const T spin = s.spins[i][lane], turned = static_cast<T>(1 + 2 * spin);
  s.energies[lane] += 2 * static_cast<std::int64_t>((s.fields[i][lane] ^ spin) - spin);
  reinterpret_cast<T*>(s.spins + i)[lane] = static_cast<T>(~spin);
  for (std::uint32_t e = p.offsets[i]; e < p.offsets[i + 1]; ++e) {
    T& f = reinterpret_cast<T*>(s.fields + p.neighbours[e])[lane];
    f = static_cast<T>(f + s.doubled[e] * turned);
  }
}

// Houdayer's move between two states of one temperature: a connected cluster on which they differ is turned in both, which keeps the
// sum of their energies. Zhu, Ochoa, Katzgraber, "Efficient cluster algorithm for spin glasses in any space dimension", PRL 115 (2015).
template <class T> void exchangeClusters(const Problem& p, LanesState<T>& s) {
  constexpr int width = lanesOf<T>;
  const U32 words = s.random.next();
  for (int k = 0; k + 1 < width; k += 2) {
    const int a = s.order[k], b = s.order[k + 1];
    if (s.betas[a] != s.betas[b]) continue;
    const auto differs = [&](std::int32_t i) { return s.spins[i][a] != s.spins[i][b]; };
    std::int32_t first = static_cast<std::int32_t>(below(words[k / 2], static_cast<std::uint32_t>(p.size))), looked = 0;
    for (; looked < p.size && !differs(first); ++looked) first = first + 1 < p.size ? first + 1 : 0;
    if (looked == p.size) continue;
    std::int32_t tail = 0;
    s.queue[tail++] = first;
    s.seen[first] = 1;
    // A cluster of more than half of all variables is the same move as turning the rest and everything: it is left alone.
    for (std::int32_t head = 0; head < tail && 2 * tail <= p.size; ++head) {
      const std::int32_t i = s.queue[head];
      for (std::uint32_t e = p.offsets[i]; e < p.offsets[i + 1]; ++e) {
        const auto j = static_cast<std::int32_t>(p.neighbours[e]);
        if (s.seen[j] != 0 || !differs(j)) continue;
        s.seen[j] = 1;
        s.queue[tail++] = j;
      }
    }
    const bool small = 2 * tail <= p.size;
    for (std::int32_t q = 0; q < tail; ++q) {
      s.seen[s.queue[q]] = 0;
      if (!small) continue;
      turn(p, s, s.queue[q], a);
      turn(p, s, s.queue[q], b);
    }
  }
}

template <class T> void temper(const Problem& p, void* sampler, const float* betas, std::int32_t sweeps, std::int32_t clusterEvery) {
  constexpr int width = lanesOf<T>;
  auto& s = *static_cast<LanesState<T>*>(sampler);
  for (int k = 0; k < width; ++k) s.betas[s.order[k]] = betas[k];
  for (std::int32_t n = 0; n < sweeps; ++n) {
    F32 scale[2];
    for (int k = 0; k < width; ++k) scale[k / 16][k % 16] = ln2 / (2 * s.betas[k]);
    sweepLanes(p, s, scale);
    keepBestLane(p, s, false);
    ++s.sweeps;
    if (clusterEvery > 0 && s.sweeps % static_cast<std::uint32_t>(clusterEvery) == 0) {
      exchangeClusters(p, s);
      keepBestLane(p, s, false);
    }
    exchange(s);
  }
}

template <class T> void writeLane(const Problem& p, void* sampler, std::int32_t lane, const std::uint8_t* bits) {
  auto& s = *static_cast<LanesState<T>*>(sampler);
  for (std::int32_t i = 0; i < p.size; ++i)
    if ((s.spins[i][lane] != 0) != (bits[i] != 0)) turn(p, s, i, lane);
  keepBestLane(p, s, false);
}
template <class T> std::int64_t energyLane(const void* sampler, std::int32_t lane) { return static_cast<const LanesState<T>*>(sampler)->energies[lane]; }
template <class T> std::int64_t bestLane(const void* sampler) { return static_cast<const LanesState<T>*>(sampler)->best; }
template <class T> void readBestLane(const Problem& p, const void* sampler, std::uint8_t* bits) {
  __builtin_memcpy(bits, static_cast<const LanesState<T>*>(sampler)->bestBits, static_cast<std::size_t>(p.size));
}
template <class T> void forgetLanes(const Problem& p, void* sampler) { keepBestLane(p, *static_cast<LanesState<T>*>(sampler), true); }

template <class T> constexpr SamplerTable lanesTable() {
  return {lanesBytes<T>, lanesWide<T>, startLanes<T>, runLanes<T>, readLane<T>, writeLane<T>, energyLane<T>, bestLane<T>, readBestLane<T>, forgetLanes<T>, temper<T>};
}

}  // namespace
}  // namespace qt::anneal
