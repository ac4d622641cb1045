#include "impl/table.inl"

namespace qt {

extern const KernelTable baselineKernels;
const KernelTable baselineKernels = makeTable("baseline");

}  // namespace qt
