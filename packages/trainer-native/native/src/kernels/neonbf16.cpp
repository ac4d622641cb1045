#include "impl/table.inl"

namespace qt {

extern const KernelTable neonbf16Kernels;
const KernelTable neonbf16Kernels = makeTable("neonbf16");

}  // namespace qt
