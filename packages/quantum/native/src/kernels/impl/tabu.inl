// One-flip tabu search: every step makes the best move that is not forbidden, uphill if need be; a variable that moved is forbidden for a
// while, unless its move gives a state better than any before (aspiration).
// Palubeckis, "Iterated tabu search for the unconstrained binary quadratic optimization problem", Informatica 17 (2006).

namespace qt::anneal {
namespace {

struct TabuState : State<std::int32_t> {
  U32 words;            // random ones, for eight steps
  std::int32_t* until;  // the step from which on a variable may move again
  std::int32_t step;    // since `forget`
};

inline std::size_t tabuBytes(const Problem& p) {
  return stateBytes<std::int32_t>(p) + sizeof(TabuState) - sizeof(State<std::int32_t>) + static_cast<std::size_t>(padded(p.size)) * 4 + 64;
}

inline void forgetTabu(const Problem& p, void* sampler) {
  auto& s = *static_cast<TabuState*>(sampler);
  keepBest(p, s);
  s.step = 0;
  __builtin_memset(s.until, 0, static_cast<std::size_t>(padded(p.size)) * 4);
}

inline void startTabu(const Problem& p, void* sampler, std::uint64_t seed, std::uint64_t stream) {
  auto& s = *static_cast<TabuState*>(sampler);
  // `until` comes first, so that the arrays of every state may follow.
  s.until = reinterpret_cast<std::int32_t*>(aligned(reinterpret_cast<char*>(&s) + sizeof(TabuState)));
  const auto places = static_cast<std::size_t>(padded(p.size));
  s.fields = s.until + places;
  s.spins = s.fields + places;
  s.bestSpins = s.spins + places;
  s.doubled = s.bestSpins + places;
  if (p.square == nullptr)
    for (std::size_t e = 0; e < edges<std::int32_t>(p); ++e) s.doubled[e] = 2 * p.weights[e];
  s.words = U32{};
  s.random.seed(seed, stream);
  for (std::size_t i = 0; i < places; i += 16) {
    const U32 words = s.random.next();
    for (std::size_t k = 0; k < 16; ++k) s.spins[i + k] = static_cast<std::int32_t>(i + k) < p.size && (words[static_cast<int>(k)] >> 31) != 0 ? -1 : 0;
  }
  begin(p, s);
  forgetTabu(p, sampler);
}

inline std::int32_t least(const I32& v) {
  std::int32_t m = v[0];
  for (int k = 1; k < 16; ++k) m = v[k] < m ? v[k] : m;
  return m;
}

// The first variable from a random place on whose g is `wanted` and which is allowed (or any).
inline std::int32_t findMove(const TabuState& s, int places, int from, std::int32_t wanted, bool any) {
  const I32 now = I32{} + s.step;
  for (int n = 0, i = from; n < places; n += 16, i = i + 16 < places ? i + 16 : 0) {
    const I32 g = signedBy(load<I32>(s.fields + i), load<I32>(s.spins + i));
    I32 hit = (I32)(g == wanted);
    if (!any) hit &= (I32)(load<I32>(s.until + i) <= now);
    const std::uint32_t bits = lessEqual(hit, I32{} - 1);
    if (bits != 0) return i + __builtin_ctz(bits);
  }
  return -1;
}

inline void runTabu(const Problem& p, void* sampler, const float* parameters, std::int32_t) {
  auto& s = *static_cast<TabuState*>(sampler);
  const auto steps = static_cast<std::int32_t>(parameters[0]);
  const auto tenure = static_cast<std::int32_t>(parameters[1]);
  const auto spreadOfTenure = static_cast<std::uint32_t>(parameters[2]);
  const int places = padded(p.size);
  constexpr std::int32_t most = never<std::int32_t>;
  // By the step, not by the call: what comes out may not depend on how many steps a call was asked for.
  U32 words = s.words;
  for (std::int32_t n = 0; n < steps; ++n) {
    const std::int32_t pair = 2 * (s.step % 8);
    if (pair == 0) words = s.random.next();
    const std::uint32_t one = words[pair], two = words[pair + 1];
    I32 allowed = I32{} + most, any = I32{} + most;
    const I32 now = I32{} + s.step;
    for (int i = 0; i < places; i += 16) {
      const I32 g = signedBy(load<I32>(s.fields + i), load<I32>(s.spins + i));
      any = g < any ? g : any;
      const I32 free = load<I32>(s.until + i) <= now ? g : I32{} + most;
      allowed = free < allowed ? free : allowed;
    }
    const std::int32_t leastAny = least(any), leastAllowed = least(allowed);
    const bool aspires = leastAny < leastAllowed && s.energy + 2 * static_cast<std::int64_t>(leastAny) < s.best;
    const bool free = aspires || leastAllowed == most;
    const int from = static_cast<int>(below(one, static_cast<std::uint32_t>(places / 16))) * 16;
    const std::int32_t wanted = free ? leastAny : leastAllowed;
    const std::int32_t i = findMove(s, places, from, wanted, free);
    s.energy += 2 * static_cast<std::int64_t>(wanted);
    const std::int32_t turned = 1 + 2 * s.spins[i];
    s.spins[i] = ~s.spins[i];
    spread<std::int32_t>(p, s, i, turned);
    ++s.step;
    s.until[i] = s.step + tenure + static_cast<std::int32_t>(below(two, spreadOfTenure));
    if (s.energy < s.best) keepBest(p, s);
  }
  s.words = words;
}

constexpr SamplerTable tabuTable() {
  using T = std::int32_t;
  return {[](const Problem& p) { return tabuBytes(p); }, oneWide, startTabu, runTabu, readOne<T>, writeOne<T>, energyOne<T>, bestOne<T>, readBestOne<T>, forgetTabu, nullptr};
}

}  // namespace
}  // namespace qt::anneal
