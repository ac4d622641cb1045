// Decoding speed by type, in GB of float32 written a second: one thread, output that stays in L2 as the engine's tiles do.
#include <qt/blocks.hpp>

#include <chrono>
#include <cstdio>
#include <string_view>
#include <vector>

namespace {

struct Case {
    const char* name;
    qt::TensorType type;
};

constexpr Case cases[] = {
    {"F32", qt::TensorType::F32},         {"F16", qt::TensorType::F16},       {"BF16", qt::TensorType::BF16},
    {"Q4_0", qt::TensorType::Q4_0},       {"Q4_1", qt::TensorType::Q4_1},     {"Q5_0", qt::TensorType::Q5_0},
    {"Q5_1", qt::TensorType::Q5_1},       {"Q8_0", qt::TensorType::Q8_0},     {"Q2_K", qt::TensorType::Q2_K},
    {"Q3_K", qt::TensorType::Q3_K},       {"Q4_K", qt::TensorType::Q4_K},     {"Q5_K", qt::TensorType::Q5_K},
    {"Q6_K", qt::TensorType::Q6_K},       {"IQ2_XXS", qt::TensorType::IQ2_XXS}, {"IQ2_XS", qt::TensorType::IQ2_XS},
    {"IQ2_S", qt::TensorType::IQ2_S},     {"IQ3_XXS", qt::TensorType::IQ3_XXS}, {"IQ3_S", qt::TensorType::IQ3_S},
    {"IQ1_S", qt::TensorType::IQ1_S},     {"IQ1_M", qt::TensorType::IQ1_M},   {"IQ4_NL", qt::TensorType::IQ4_NL},
    {"IQ4_XS", qt::TensorType::IQ4_XS},   {"TQ1_0", qt::TensorType::TQ1_0},   {"TQ2_0", qt::TensorType::TQ2_0},
    {"MXFP4", qt::TensorType::MXFP4},     {"NVFP4", qt::TensorType::NVFP4},
    {"Q8_K", qt::TensorType::Q8_K},       {"Q1_0", qt::TensorType::Q1_0},     {"Q2_0", qt::TensorType::Q2_0},
};

double seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double measure(qt::TensorType type) {
    constexpr std::size_t elements = 64 * 512;
    const qt::BlockTraits traits = qt::blockTraits(type);
    const std::size_t count = elements / traits.size;
    std::vector<std::uint8_t> blocks(count * traits.bytes);
    for (std::size_t i = 0; i < blocks.size(); i++) blocks[i] = static_cast<std::uint8_t>(i * 2654435761u >> 13 & 0x3F);
    std::vector<float> out(elements);
    double best = 0;
    for (int round = 0; round < 5; round++) {
        const double start = seconds();
        int passes = 0;
        while (seconds() - start < 0.02) {
            for (int k = 0; k < 16; k++) qt::decodeBlocks(type, blocks.data(), count, out.data());
            passes += 16;
        }
        const double speed = passes * static_cast<double>(elements) * sizeof(float) / (seconds() - start) / 1e9;
        if (speed > best) best = speed;
    }
    return best;
}

}  // namespace

int main(int argc, char** argv) {
    std::printf("%-8s %10s\n", "type", "GB/s");
    for (const Case& c : cases)
        if (argc < 2 || std::string_view(argv[1]) == c.name) std::printf("%-8s %10.1f\n", c.name, measure(c.type));
}
