#include "impl/table.inl"

namespace qt::anneal {

extern const KernelTable baselineKernels;
const KernelTable baselineKernels = makeTable("baseline");

}  // namespace qt::anneal
