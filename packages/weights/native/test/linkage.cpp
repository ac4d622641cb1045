// Compiled without optimisation, so that whatever could be emitted is (see cmake/check_linkage.cmake).
#include <qt/blocks.hpp>

void decodeAnything(std::uint32_t type, const void* blocks, std::size_t count, float* out) {
    if (qt::decodable(static_cast<qt::TensorType>(type))) qt::decodeBlocks(static_cast<qt::TensorType>(type), blocks, count, out);
}
