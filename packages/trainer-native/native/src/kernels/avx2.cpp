#include "impl/table.inl"

namespace qt {

extern const KernelTable avx2Kernels;
const KernelTable avx2Kernels = makeTable("avx2");

}  // namespace qt
