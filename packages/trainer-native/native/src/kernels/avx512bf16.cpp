#include "impl/table.inl"

namespace qt {

extern const KernelTable avx512bf16Kernels;
const KernelTable avx512bf16Kernels = makeTable("avx512bf16");

}  // namespace qt
