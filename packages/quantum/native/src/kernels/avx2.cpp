#include "impl/table.inl"

namespace qt::anneal {

extern const KernelTable avx2Kernels;
const KernelTable avx2Kernels = makeTable("avx2");

}  // namespace qt::anneal
