// libFuzzer: blocks of any type, whatever their bytes, decode without reading or writing out of bounds.
#include <qt/blocks.hpp>

#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto type = static_cast<qt::TensorType>(data[0] % 64);
    if (!qt::decodable(type)) return 0;
    const qt::BlockTraits traits = qt::blockTraits(type);
    const std::size_t count = (size - 1) / traits.bytes;
    if (count == 0) return 0;
    // Buffers of the exact size: one byte too far is found.
    const std::vector<std::uint8_t> blocks(data + 1, data + 1 + count * traits.bytes);
    std::vector<float> values(count * traits.size);
    qt::decodeBlocks(type, blocks.data(), count, values.data());
    return 0;
}
