// Every decoder gives gguf-py's values bit for bit (test/make_fixtures.py).
#include <qt/blocks.hpp>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "check.hpp"

namespace {

using Bytes = std::vector<std::uint8_t>;

std::uint64_t splitmix64(std::uint64_t seed, std::uint64_t index) {
    std::uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

std::uint32_t crc32(const void* data, std::size_t size) {
    std::uint32_t crc = ~0u;
    for (std::size_t i = 0; i < size; i++) {
        crc ^= static_cast<const std::uint8_t*>(data)[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1)));
    }
    return ~crc;
}

Bytes read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    CHECK(file.good());
    return Bytes(std::istreambuf_iterator<char>(file), {});
}

void checkType(const std::string& name, qt::TensorType type, std::uint32_t digest, const std::vector<int>& scales) {
    const qt::BlockTraits traits = qt::blockTraits(type);
    CHECK(qt::decodable(type));
    const Bytes fixture = read(std::string(QT_FIXTURES) + "/" + name + ".bin");
    const std::size_t kept = fixture.size() / (traits.bytes + traits.size * sizeof(float));
    CHECK(kept > 0 && fixture.size() == kept * (traits.bytes + traits.size * sizeof(float)));

    // Decoded from an odd address and into a buffer of the exact size: neither alignment nor slack is assumed.
    Bytes blocks(1 + kept * traits.bytes);
    std::memcpy(blocks.data() + 1, fixture.data(), kept * traits.bytes);
    std::vector<float> values(kept * traits.size);
    qt::decodeBlocks(type, blocks.data() + 1, kept, values.data());
    const bool same = std::memcmp(values.data(), fixture.data() + kept * traits.bytes, values.size() * sizeof(float)) == 0;
    if (!same) std::fprintf(stderr, "%s: values differ from gguf-py's\n", name.c_str());
    CHECK(same);

    const std::size_t more = 512;
    Bytes data((kept + more) * traits.bytes);
    for (std::size_t i = 0; i < data.size(); i++)
        data[i] = static_cast<std::uint8_t>(splitmix64(static_cast<std::uint64_t>(type), i / 8) >> 8 * (i % 8));
    for (std::size_t i = 0; i < kept + more; i++)
        for (const int offset : scales) data[i * traits.bytes + static_cast<std::size_t>(offset) + 1] &= 0xBF;
    values.assign(more * traits.size, 0.0f);
    qt::decodeBlocks(type, data.data() + kept * traits.bytes, more, values.data());
    const std::uint32_t crc = crc32(values.data(), values.size() * sizeof(float));
    if (crc != digest) std::fprintf(stderr, "%s: digest %08x, expected %08x\n", name.c_str(), crc, digest);
    CHECK(crc == digest);
}

}  // namespace

int main() {
#if defined(__AVX512F__)
    if (!__builtin_cpu_supports("avx512f")) return std::puts("skipped: this processor has no AVX-512"), 0;
#elif defined(__AVX2__)
    if (!__builtin_cpu_supports("avx2")) return std::puts("skipped: this processor has no AVX2"), 0;
#endif
    std::ifstream digests(std::string(QT_FIXTURES) + "/digests.txt");
    int types = 0;
    for (std::string line; std::getline(digests, line); types++) {
        std::istringstream in(line);
        std::string name;
        std::uint32_t id = 0, digest = 0;
        in >> name >> id >> std::hex >> digest >> std::dec;
        checkType(name, static_cast<qt::TensorType>(id), digest, std::vector<int>(std::istream_iterator<int>(in), {}));
    }
    CHECK(types == 29);

    const float floats[3] = {1.5f, -0.0f, 3e38f};
    float copied[3];
    qt::decodeBlocks(qt::TensorType::F32, floats, 3, copied);
    CHECK(std::memcmp(floats, copied, sizeof floats) == 0);

    CHECK(qt::rowBytes(qt::TensorType::Q4_0, 576) == 324);
    CHECK(qt::rowBytes(qt::TensorType::Q4_K, 576) == 0);
    CHECK(qt::blockTraits(static_cast<qt::TensorType>(4)).bytes == 0);
    CHECK(!qt::decodable(static_cast<qt::TensorType>(4)) && !qt::decodable(qt::TensorType::I32));
    std::printf("%d types\n", types);
    return report("blocks_test");
}
