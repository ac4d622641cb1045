// libFuzzer: any bytes at all either parse or throw GgufError, and whatever tensors they claim decode in bounds.
#include "decode_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        if (decodeFile(std::as_bytes(std::span(data, size))) == 0xDEADBEEF) return -1;  // so that decoding is not optimised away
    } catch (const qt::GgufError&) {
    }
    return 0;
}
