// Tensor parallelism (Shoeybi et al., arXiv 1909.08053): the processes of a group share each block. Of query, key, value, gate and up each has
// the outputs of some key heads with their queries, and of some of the feed-forward; of attn_output and down the inputs that these make.
// What such a process works with is a smaller model of the same width, whose blocks give a part of a sum.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "../model/model.hpp"
#include "../spec.hpp"

namespace qt {

struct TensorId;

struct TensorShare {
  std::int32_t rank = 0;
  // Rank r has [cuts[r], cuts[r + 1]) of the key heads, and of the feed-forward's columns. Empty: there is one process.
  std::vector<std::int32_t> kvHeads = {}, ffn = {};

  int size() const { return kvHeads.empty() ? 1 : static_cast<int>(kvHeads.size()) - 1; }
  bool divides() const { return size() > 1; }
};

// Where a process's part of a tensor lies in that of the whole model.
struct TensorPart {
  std::int64_t firstRow, rows, firstColumn, columns, wholeRows, wholeColumns;
  bool whole() const { return rows == wholeRows && columns == wholeColumns; }
};

// Of the part [rows, columns] that this process has, and of what process `rank` of the group has.
TensorPart partOf(const TensorId& id, const ModelSpec& local, const TensorShare& share, int rank, std::int64_t rows, std::int64_t columns);
// Everybody has the tensor whole, and a part of the sum that is its gradient.
bool gradientIsPartial(const TensorId& id);

// Throws in plain words where cuts do not fit the model.
ModelSpec localSpec(const ModelSpec& whole, const TensorShare& share);
// Columns whose cuts go through blocks of their type are decoded. Rows stay where they are, unless the model makes its projections anew each
// time it is asked. `apart`: so does this one.
Model localModel(std::shared_ptr<const Model> whole, const TensorShare& share, bool apart = false);

}  // namespace qt
