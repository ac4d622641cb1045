// libFuzzer: any bytes at all either parse or throw GgufError, and whatever tensors they claim decode in bounds.
#include "decode_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static volatile std::uint32_t sink;
    try {
        sink = decodeFile(std::as_bytes(std::span(data, size)));
    } catch (const qt::GgufError&) {
    }
    return 0;
}
