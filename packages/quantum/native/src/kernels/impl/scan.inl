// Metropolis over one state, in order. The thresholds of a vector of variables are drawn at once and compared at once; where one is
// accepted, the variables behind it in the vector are compared again, so that the result is that of one after the other.

namespace qt::anneal {
namespace {

template <class T> void sweep(const Problem& p, State<T>& s, float beta) {
  constexpr int width = lanesOf<T>;
  const F32 scale[2] = {F32{} + ln2 / (2 * beta), F32{} + ln2 / (2 * beta)};
  const int places = padded(p.size);
  Random random = s.random;
  std::int64_t energy = s.energy;
  for (int i = 0; i < places; i += width) {
    const Vec<T> threshold = Thresholds<T>::draw(random, scale);
    Vec<T> spins = load<Vec<T>>(s.spins + i);
    std::uint32_t accepted = lessEqual(signedBy(load<Vec<T>>(s.fields + i), spins), threshold);
    if (accepted == 0) continue;
    do {
      const int k = __builtin_ctz(accepted);
      const T spin = s.spins[i + k];
      const T turned = static_cast<T>(1 + 2 * spin);  // the new s
      energy += 2 * static_cast<std::int64_t>((s.fields[i + k] ^ spin) - spin);
      spins ^= load<Vec<T>>(oneHot<T>.rows[k]);
      store(s.spins + i, spins);
      spread<T>(p, s, i + k, turned);
      accepted = lessEqual(signedBy(load<Vec<T>>(s.fields + i), spins), threshold) & ~((2u << k) - 1u);
    } while (accepted != 0);
  }
  s.random = random;
  s.energy = energy;
}

template <class T> void runScan(const Problem& p, void* sampler, const float* betas, std::int32_t count) {
  auto& s = *static_cast<State<T>*>(sampler);
  for (std::int32_t k = 0; k < count; ++k) {
    sweep<T>(p, s, betas[k]);
    if (s.energy < s.best) keepBest(p, s);
  }
}

template <class T> constexpr SamplerTable scanTable() {
  return {oneBytes<T>, oneWide, startOne<T>, runScan<T>, readOne<T>, writeOne<T>, energyOne<T>, bestOne<T>, readBestOne<T>, forgetOne<T>, nullptr};
}

}  // namespace
}  // namespace qt::anneal
