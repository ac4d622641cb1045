#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "../kernels/table.hpp"
#include "../spec.hpp"
#include "batch.hpp"
#include "optimizer/optimizer.hpp"
#include "tensor_share.hpp"

namespace qt {

// Rank 0: no adapter on this projection.
struct AdapterModule {
  std::int32_t rank = 0;
  float scale = 1.0f;
  bool magnitude = false;  // DoRA
  bool origin = false;     // PiSSA: what it began as is taken away from the weight
};

struct TrainerOptions {
  DType precision = DType::F32;
  bool checkpointing = false;         // keep block inputs only, repeat the rest in the backward pass
  bool offload = false;               // of those inputs but two in the machine's memory, beside the device's own; with checkpointing
  bool full = false;                  // every weight is trained; else the adapters are
  bool trainEmbedding = false;        // and beside adapters the embedding
  bool trainOutput = false;           // and the output, as a matrix of its own even where the model ties them
  std::int32_t maxTokens = 0;         // of one micro-batch
  std::int32_t maxPositions = 0;      // of one document
  std::int32_t lossChunk = 256;       // rows of logits at once
  std::int32_t feedForwardChunk = 0;  // tokens whose gate and up are there at once, repeated in the backward pass; 0: all, kept
  float dropout = 0.0f;               // on the adapters' input
  float labelSmoothing = 0.0f;        // of the training loss
  std::uint64_t seed = 1;
  OptimizerKind optimizer = OptimizerKind::AdamW;
  bool average = false;               // also keep a moving average of what is trained
  float embeddingNoise = 0.0f;        // NEFTune's α; 0: off
  TensorShare tensor = {};            // what of each block this process has; the processes of a group count as one in what follows
  std::int32_t rank = 0;              // which process of a job this is, of how many:
  std::int32_t processes = 1;         // each keeps the optimiser's state and the gradients of its shard
  bool shardBase = false;             // and of a frozen base only its share
  bool apart = false;                 // gradients of a micro-batch lie apart from the sums that they are added to
  bool exchangeOnce = false;          // of several processes: each gathers whole gradients of its micro-batches, which are exchanged with the last
  std::vector<std::array<AdapterModule, projectionCount>> adapters;  // one entry for each block, or empty
};

}  // namespace qt
