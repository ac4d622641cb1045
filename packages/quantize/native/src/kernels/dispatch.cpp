// Chooses the encoders of this processor. A table's encoder of a type is used only after it has written the bytes of the reference on
// this machine: emulators and miscompilations show here and the next table's is tried. Each type is tested when it is first needed,
// since all of them together take as long as copying a small model.
#include <atomic>
#include <cstring>
#include <mutex>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "../encode.hpp"
#include "../halves.hpp"

namespace qt {

extern const EncoderTable baselineEncoders;
#if defined(__x86_64__)
extern const EncoderTable avx2Encoders;
extern const EncoderTable avx512Encoders;
#endif

namespace {

struct Candidate {
  const EncoderTable* table;
  bool supported;
};

#if defined(__x86_64__)
// clang's __builtin_cpu_supports does not know this one. Its registers are those of AVX2, which is asked for besides.
bool hasF16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

std::vector<Candidate> candidates() {
  std::vector<Candidate> list;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && hasF16c();
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq");
  list.push_back({&avx512Encoders, avx512});
  list.push_back({&avx2Encoders, avx2});
#endif
  list.push_back({&baselineEncoders, true});
  return list;
}

std::uint32_t hash(std::uint32_t i) {
  i = (i ^ 61u) ^ (i >> 16);
  i *= 9u;
  i ^= i >> 4;
  i *= 0x27d4eb2du;
  return i ^ (i >> 15);
}

// Blocks of ordinary numbers, of ties, zeros, equal numbers, an outlier and numbers too small for a half; a group that is not full.
constexpr std::int64_t columns = 256;
std::vector<float> samples() {
  constexpr int parts = 8 * 19, size = 32;
  std::vector<float> values(parts * size);
  for (int b = 0; b < parts; ++b)
    for (int i = 0; i < size; ++i) {
      const std::uint32_t h = hash(static_cast<std::uint32_t>(b * size + i));
      const float uniform = static_cast<float>(h & 0xffffff) / 8388608.0f - 1.0f;
      float& x = values[static_cast<std::size_t>(b * size + i)];
      // A kind for each part, or for a whole row.
      switch (b < parts / 2 ? b % 6 : b / 8 % 6) {
        case 0: x = uniform; break;
        case 1: x = static_cast<float>(static_cast<int>(h % 255) - 127) * 0.5f; break;
        case 2: x = b % 4 == 2 ? 0.0f : -0.0f; break;
        case 3: x = 0.75f; break;
        case 4: x = i == 31 ? -1000.0f : uniform * 1e-3f; break;
        default: x = uniform * 0x1p-130f; break;
      }
    }
  return values;
}

std::vector<float> weights() {
  std::vector<float> importance(columns);
  for (std::size_t i = 0; i < importance.size(); ++i) importance[i] = i / 32 == 3 ? 0.0f : static_cast<float>(hash(static_cast<std::uint32_t>(i)) & 0xffff) * 0x1p-10f;
  return importance;
}

bool writesAsReference(const EncoderTable& table, TensorType type) {
  static const std::vector<float> values = samples();
  static const std::vector<float> importance = weights();
  const auto count = static_cast<std::int64_t>(values.size());
  std::vector<std::uint8_t> expected(values.size() * 4), written(values.size() * 4);
  const Rows plain{values.data(), 1, count};
  const Rows weighted{values.data(), count / columns, columns, importance.data()};
  for (const Rows& rows : {plain, weighted}) {
    if (encodeReference(type, rows, expected.data()) || !table.encode(type, rows, written.data())) return false;
    if (std::memcmp(expected.data(), written.data(), rowBytes(type, values.size())) != 0) return false;
  }
  return true;
}

// What every type needs: refusing, and decoding.
bool selfTest(const EncoderTable& table) {
  std::vector<float> hostile(64, 1.0f);
  hostile[63] = floatOfBits(0x7fc00000u);
  std::vector<std::uint8_t> written(2 * 34);
  if (table.encode(TensorType::Q8_0, {hostile.data(), 1, 64}, written.data())) return false;

  std::vector<std::uint8_t> halves(2 * 2048);
  std::vector<float> decoded(2048);
  for (std::uint32_t i = 0; i < 2048; ++i) {
    const auto bits = static_cast<std::uint16_t>(i * 31);
    std::memcpy(&halves[2 * i], &bits, 2);
  }
  table.decode(TensorType::F16, halves.data(), 2048, decoded.data());
  for (std::uint32_t i = 0; i < 2048; ++i)
    if (bitsOfFloat(decoded[i]) != bitsOfFloat(halfToFloat(static_cast<std::uint16_t>(i * 31)))) return false;
  return true;
}

const std::vector<Candidate>& all() {
  static const std::vector<Candidate> list = candidates();
  return list;
}

// Tested once in the life of the process, when it is first asked for.
bool works(std::size_t index) {
  static std::vector<int> results(all().size(), -1);
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (results[index] < 0) results[index] = all()[index].supported && selfTest(*all()[index].table) ? 1 : 0;
  return results[index] == 1;
}

}  // namespace

const EncoderTable& tested(const EncoderTable& table, TensorType type) {
  // By candidate and type: not known yet, good, bad. Two threads that find out at the same time find the same.
  static std::atomic<signed char> known[4][64] = {};
  if (!encodable(type)) return baselineEncoders;
  std::size_t at = 0;
  while (at < all().size() && all()[at].table != &table) ++at;
  for (; at < all().size() && all()[at].table != &baselineEncoders; ++at) {
    std::atomic<signed char>& state = known[at][static_cast<std::size_t>(type)];
    if (state.load() == 0) state.store(works(at) && writesAsReference(*all()[at].table, type) ? 1 : -1);
    if (state.load() > 0) return *all()[at].table;
  }
  return baselineEncoders;
}

int availableEncoders(const char** names, int most) {
  int count = 0;
  for (std::size_t i = 0; i < all().size(); ++i)
    if (count < most && works(i)) names[count++] = all()[i].table->name;
  return count;
}

const EncoderTable& encoders(const char* wanted) {
  for (std::size_t i = 0; i < all().size(); ++i) {
    if (wanted != nullptr && std::strcmp(wanted, all()[i].table->name) != 0) continue;
    if (works(i)) return *all()[i].table;
  }
  return baselineEncoders;
}

}  // namespace qt
