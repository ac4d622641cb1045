// Every table against the reference, the reference against gguf-py's bytes, and values that must be refused.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "check.hpp"
#include "encode.hpp"
#include "halves.hpp"

using namespace qt;

namespace {

struct Type {
  const char* name;
  TensorType type;
};
constexpr Type types[] = {{"F32", TensorType::F32},   {"F16", TensorType::F16},   {"BF16", TensorType::BF16}, {"Q8_0", TensorType::Q8_0}, {"Q5_1", TensorType::Q5_1},
                          {"Q5_0", TensorType::Q5_0}, {"Q4_1", TensorType::Q4_1}, {"Q4_0", TensorType::Q4_0}, {"Q8_K", TensorType::Q8_K},
                          {"Q6_K", TensorType::Q6_K}, {"Q5_K", TensorType::Q5_K}, {"Q4_K", TensorType::Q4_K}, {"Q3_K", TensorType::Q3_K},
                          {"Q2_K", TensorType::Q2_K}, {"IQ4_NL", TensorType::IQ4_NL}, {"IQ4_XS", TensorType::IQ4_XS},
                          {"IQ3_S", TensorType::IQ3_S}, {"IQ3_XXS", TensorType::IQ3_XXS}, {"IQ2_S", TensorType::IQ2_S}, {"IQ2_XS", TensorType::IQ2_XS},
                          {"IQ2_XXS", TensorType::IQ2_XXS}, {"IQ1_M", TensorType::IQ1_M}, {"IQ1_S", TensorType::IQ1_S}, {"TQ1_0", TensorType::TQ1_0},
                          {"TQ2_0", TensorType::TQ2_0}, {"MXFP4", TensorType::MXFP4}, {"NVFP4", TensorType::NVFP4}, {"Q1_0", TensorType::Q1_0}, {"Q2_0", TensorType::Q2_0}};

std::uint64_t state = 1;
std::uint32_t random32() {
  state = state * 6364136223846793005ull + 1442695040888963407ull;
  return static_cast<std::uint32_t>(state >> 32);
}
float uniform() { return static_cast<float>(random32() >> 8) / 8388608.0f - 1.0f; }

std::vector<std::uint8_t> fixture(const std::string& name) {
  std::ifstream file(std::string(QT_FIXTURES) + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::size_t bytesOf(TensorType type, std::size_t values) { return values / blockTraits(type).size * blockTraits(type).bytes; }

// As one row, or in rows whose columns have importance.
bool same(const EncoderTable& table, TensorType type, const std::vector<float>& values, const std::vector<float>& importance = {}) {
  const std::size_t bytes = bytesOf(type, values.size());
  std::vector<std::uint8_t> expected(bytes), written(bytes + 1, 0xa5);
  const auto count = static_cast<std::int64_t>(values.size());
  const auto columns = static_cast<std::int64_t>(importance.size());
  const Rows rows = importance.empty() ? Rows{values.data(), 1, count} : Rows{values.data(), count / columns, columns, importance.data()};
  const Fault fault = encodeReference(type, rows, expected.data());
  const bool accepted = table.encode(type, rows, written.data());
  if (written[bytes] != 0xa5) return false;  // wrote past the end
  return fault ? !accepted : accepted && std::memcmp(expected.data(), written.data(), bytes) == 0;
}

std::vector<float> floats(const std::string& name) {
  const std::vector<std::uint8_t> raw = fixture(name);
  std::vector<float> values(raw.size() / 4);
  std::memcpy(values.data(), raw.data(), raw.size());
  CHECK(!values.empty());
  return values;
}

void referenceWrites(const std::string& file, TensorType type, const Rows& rows) {
  const std::vector<std::uint8_t> expected = fixture(file);
  std::vector<std::uint8_t> written(bytesOf(type, static_cast<std::size_t>(rows.count())));
  CHECK(!encodeReference(type, rows, written.data()));
  CHECK(written == expected);
  if (written == expected || written.size() != expected.size()) return;
  const auto byte = std::mismatch(written.begin(), written.end(), expected.begin()).first - written.begin();
  std::printf("  %s: byte %td of block %td\n", file.c_str(), byte % blockTraits(type).bytes, byte / blockTraits(type).bytes);
}

void referenceEqualsFixtures() {
  const std::vector<float> values = floats("values.bin"), rows = floats("llama/values.bin"), importance = floats("llama/importance.bin");
  const auto columns = static_cast<std::int64_t>(importance.size()), count = static_cast<std::int64_t>(rows.size() / importance.size());
  for (const auto& [name, type] : types) {
    const std::string file = name;
    int files = 0;
    const auto compare = [&](const std::string& path, const Rows& in) {
      if (fixture(path).empty()) return;
      referenceWrites(path, type, in);
      ++files;
    };
    compare((type == TensorType::F32 ? "values" : file) + ".bin", {values.data(), 1, static_cast<std::int64_t>(values.size())});
    compare("llama/" + file + ".bin", {rows.data(), count, columns});
    compare("llama/" + file + ".weighted.bin", {rows.data(), count, columns, importance.data()});
    CHECK(files > 0);
  }
}

void tablesEqualReference(const EncoderTable& table) {
  for (const auto& [name, type] : types) {
    int wrong = 0;
    // Searches are slow.
    const int rounds = name[0] == 'I' && blockTraits(type).size > 32 ? 60 : 400;
    for (int round = 0; round < rounds; ++round) {
      // Odd numbers of blocks, sizes from subnormal to huge, ties, zeros of both signs, equal values, any bit pattern.
      const std::size_t block = std::max(32u, blockTraits(type).size);
      std::vector<float> values(block * (1 + random32() % 40));
      const float scale = std::ldexp(1.0f, static_cast<int>(random32() % 276) - 149);
      for (std::size_t i = 0; i < values.size(); ++i) {
        switch (round % 6) {
          case 0: values[i] = uniform(); break;
          case 1: values[i] = uniform() * scale; break;
          case 2: values[i] = static_cast<float>(static_cast<int>(random32() % 31) - 15) * 0.5f; break;
          case 3: values[i] = random32() % 3 == 0 ? -0.0f : 0.0f; break;
          case 4: values[i] = i / 32 % 2 == 0 ? scale : random32() % 50 == 0 ? 6e4f * uniform() : 1e-3f * uniform(); break;
          default: values[i] = floatOfBits(random32()); break;
        }
      }
      if (!same(table, type, values)) ++wrong;
      // Two blocks a row; weights of nothing, too.
      std::vector<float> importance(2 * block);
      for (float& weight : importance) weight = random32() % 8 == 0 ? 0.0f : std::exp(8.0f * uniform());
      if (values.size() > block) values.resize(values.size() / (2 * block) * 2 * block);
      if (values.size() > block && !same(table, type, values, importance)) ++wrong;
    }
    CHECK(wrong == 0);
    if (wrong != 0) std::printf("  %s %s: %d of %d\n", table.name, name, wrong, 2 * rounds);
  }
}

void everyHalfRoundTrips(const EncoderTable& table) {
  std::vector<float> values;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits)
    if ((bits & 0x7c00) != 0x7c00) values.push_back(halfToFloat(static_cast<std::uint16_t>(bits)));
  // And the neighbours of every midpoint between two halves.
  const std::size_t halves = values.size();
  for (std::size_t i = 0; i < halves; ++i)
    for (const std::uint32_t step : {0xfffu, 0x1000u, 0x1001u})
      if (std::fabs(values[i]) < 65504.0f) values.push_back(floatOfBits(bitsOfFloat(values[i]) + step));
  CHECK(same(table, TensorType::F16, values));
  CHECK(same(table, TensorType::BF16, values));
}

void namesWhatItRefuses(const EncoderTable& table) {
  for (const auto& [name, type] : types) {
    constexpr std::int64_t count = 3 * 4096 + 256;
    std::vector<float> values(count, 0.5f);
    std::vector<std::uint8_t> out(count * 4);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(values.data());
    for (const float hostile : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(),
                                std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()})
      for (const std::int64_t position : {std::int64_t{0}, std::int64_t{4097}, count - 1}) {
        values[position] = hostile;
        const Fault fault = recode(table, {bytes, TensorType::F32, 1, count}, type, out.data());
        CHECK(fault.kind == Fault::Kind::NotFinite && fault.index == position);
        values[position] = 0.5f;
      }
    values[count - 1] = 3.4028234e38f;
    values[count - 2] = -3.4028234e38f;
    const Fault fault = recode(table, {bytes, TensorType::F32, 1, count}, type, out.data());
    // F32 holds them; scales of Q8_K and MXFP4 reach further than float16, NVFP4 cuts off.
    if (type == TensorType::F32 || type == TensorType::Q8_K || type == TensorType::MXFP4 || type == TensorType::NVFP4) CHECK(!fault);
    else CHECK(fault.kind == Fault::Kind::OutOfRange && fault.index == count - std::max(2u, blockTraits(type).size));
  }
}

void recodesFromEveryFloat(const EncoderTable& table) {
  constexpr std::int64_t count = 4096 + 96;
  std::vector<float> values(count);
  for (float& value : values) value = uniform();
  for (const TensorType from : {TensorType::F16, TensorType::BF16, TensorType::Q8_0}) {
    std::vector<std::uint8_t> source(bytesOf(from, count)), expected(bytesOf(TensorType::Q4_1, count)), written(expected.size());
    std::vector<float> rounded(count);
    CHECK(table.encode(from, {values.data(), 1, count}, source.data()));
    table.decode(from, source.data(), count / blockTraits(from).size, rounded.data());
    CHECK(!encodeReference(TensorType::Q4_1, {rounded.data(), 1, count}, expected.data()));
    CHECK(!recode(table, {source.data(), from, 1, count}, TensorType::Q4_1, written.data()));
    CHECK(written == expected);
  }
}

}  // namespace

int main() {
  referenceEqualsFixtures();
  const char* names[8];
  const int count = availableEncoders(names, 8);
  CHECK(count >= 1);
  for (int i = 0; i < count; ++i) {
    const EncoderTable& table = encoders(names[i]);
    CHECK(std::strcmp(table.name, names[i]) == 0);
    tablesEqualReference(table);
    everyHalfRoundTrips(table);
    namesWhatItRefuses(table);
    recodesFromEveryFloat(table);
    std::printf("%s\n", table.name);
  }
  return report("encode_test");
}
