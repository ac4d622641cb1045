// Tensors of files into places of another file, each as it is or in another type.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "encode.hpp"

namespace qt {

struct TensorJob {
  std::size_t input = 0;  // of FileJob::inputs
  std::uint64_t inputOffset = 0;
  TensorType from = TensorType::F32;
  std::uint64_t outputOffset = 0;
  TensorType to = TensorType::F32;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  // What the columns weigh, for each matrix of `matrixRows` rows one after the other; empty when nothing is known.
  std::vector<float> importance;
  std::int64_t matrixRows = 0;
};

struct FileJob {
  std::vector<std::string> inputs;
  std::string output;  // exists; what lies between the tensors is left alone
  std::vector<TensorJob> tensors;
  int threads = 1;
};

struct Outcome {
  enum class Kind : std::uint8_t { Done, Aborted, Refused, ReadFailed, WriteFailed };
  Kind kind = Kind::Done;
  std::size_t tensor = 0;  // that was refused or could not be read
  Fault fault;             // its index counts from the start of the tensor
  std::string message;     // the operating system's
};

// Threads take ranges of rows in order. Each reads its range, encodes it and writes it where it belongs, so that reading,
// encoding and writing overlap; what stays as it is, the kernel copies where it can. Memory is one range a thread and side, and the
// output depends neither on the number of threads nor on their order. `abort` is looked at between ranges; `onTensor` is called from any thread when a tensor is complete.
// Of several faults the first in the order of the tensors is told. Throws std::invalid_argument when a job makes no sense.
Outcome quantizeFile(const FileJob& job, const EncoderTable& table, const std::atomic<bool>& abort, const std::function<void(std::size_t)>& onTensor);

}  // namespace qt
