// What the fuzzer and the corpus replay do with bytes: read them as GGUF and decode the tensors.
#pragma once

#include <qt/blocks.hpp>
#include <qt/gguf.hpp>

// Returns the sum of some bits of every decoded value, so that no decoding can be optimised away. Throws GgufError.
static inline std::uint32_t decodeFile(std::span<const std::byte> bytes) {
    const qt::GgufFile file = qt::parseGguf(bytes);
    (void)file.string("general.architecture");
    (void)file.number("general.file_type");
    std::uint32_t sum = 0;
    for (const qt::GgufTensor& tensor : file.tensors) {
        if (!qt::decodable(tensor.type)) continue;
        const qt::BlockTraits traits = qt::blockTraits(tensor.type);
        const std::size_t blocks = tensor.bytes / traits.bytes;
        constexpr std::size_t chunk = 4;
        std::vector<float> out(chunk * traits.size);
        for (std::size_t first = 0; first < blocks; first += chunk) {
            const std::size_t count = std::min(chunk, blocks - first);
            qt::decodeBlocks(tensor.type, bytes.data() + tensor.offset + first * traits.bytes, count, out.data());
            for (std::size_t i = 0; i < count * traits.size; i++) sum += qt::bitsOfFloat(out[i]);
        }
    }
    return sum;
}
