#include "impl/table.inl"

namespace qt::anneal {

extern const KernelTable avx512Kernels;
const KernelTable avx512Kernels = makeTable("avx512");

}  // namespace qt::anneal
