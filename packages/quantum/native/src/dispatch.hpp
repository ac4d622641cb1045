// The kernels of this processor.
#pragma once

#include "kernels.hpp"

namespace qt::anneal {

/// Names of the tables that run here, best first; returns how many.
int availableKernels(const char** names, int most);

/// The best table, or the one named; the plain one when that is not there.
const KernelTable& kernels(const char* wanted = nullptr);

}  // namespace qt::anneal
