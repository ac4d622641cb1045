// What a text does on its way through a model, in double precision: for importance matrices and for means of states.
#pragma once
#include <cstdint>

#include "../status.hpp"

namespace qt::cuda {

// sums[c] = Σ rows x[row, c], or of the squares; in the order of rows, so that the processor's sums of the same numbers are the same.
Status sumRows(const float* x, std::int64_t rows, std::int64_t columns, bool squares, double* sums, Stream stream);
// out[row] = the cosine between the rows of a and b; 1 where one is 0.
Status cosines(const float* a, const float* b, std::int64_t rows, std::int64_t columns, double* out, Stream stream);

}  // namespace qt::cuda
