#include "impl/table.inl"

namespace qt {

extern const KernelTable amxKernels;
const KernelTable amxKernels = makeTable("amx");

}  // namespace qt
