// Which buffers a training step needs, and for how long: the memory plan, and the places that the step then uses.
#pragma once
#include <vector>

#include "../device/device.hpp"
#include "../memory.hpp"
#include "options.hpp"

namespace qt {

// What is kept of a block from its forward to its backward pass.
struct BlockBuffers {
  BufferId input;       // x            [T, dModel]
  BufferId middle;      // x + attention [T, dModel]
  BufferId q, k, v;     // after rotation
  BufferId attention;   // heads' outputs side by side
  BufferId gate, up;    // [of a chunk, ffn]
  BufferId logSumExp;   // float32 [T, heads]
  BufferId inverse[2];  // float32 [T]: of the two norms
  BufferId rawQuery, rawKey;            // before their norms, with
  BufferId queryInverse, keyInverse;    // float32 [T, heads]; −1 without such norms
  BufferId rawAttention, rawFfn;        // what is added to the residual, before its norm [T, dModel] and [of a chunk, dModel], with
  BufferId postInverse[2];              // float32 [T]; −1 without such norms
  BufferId low[projectionCount];  // scale·x·Aᵀ [T, rank], the feed-forward's of a chunk; −1 without adapter
  BufferId branch[2];   // what attention and feed-forward add to the residual stream, where DoRA asks for it (as long as those); else −1
};

struct StepLayout {
  ArenaPlan plan;
  std::vector<BlockBuffers> blocks;
  std::int32_t feedForwardRows;  // tokens of a chunk: what gate, up and everything after them have room for
  bool chunked;                  // fewer than there may be: nothing of a chunk outlives it
  BufferId finalInput;     // the last block's output
  std::size_t offloadedBytes = 0;  // of one block's input in the machine's memory; 0: all stay
  std::int32_t offloaded = 0;      // how many blocks have theirs there: all but the last
  BufferId hidden;         // a norm's or SwiGLU's output, input of the products
  BufferId packed;         // packed left sides
  BufferId dropped;        // hidden after dropout; −1 without
  BufferId dx;             // float32 gradient of the residual stream
  BufferId dNormed;        // gradient of what is added to the residual, through its norm; −1 without
  BufferId dScaled, dGate, dUp;  // gradients before DoRA's scales; −1 without
  BufferId scales;         // float32: DoRA's scales, then ‖W‖², then room for computing norms; −1 without
  std::int64_t scaleCount = 0;
  std::vector<std::array<std::int64_t, projectionCount>> scaleAt;
  BufferId originLow;      // x, or dy of up to three projections, through the factors that PiSSA began with; −1 without
  BufferId partial;        // float32 [T, dModel]: what a tensor group adds up; −1 without
  BufferId dHidden, dAct, dAttention, dq, dk, dv, delta, dLow;
  BufferId logits;
  BufferId lossPacked;     // their input packed, then their gradient
  BufferId lossHidden, lossInverse, dLossHidden;
  BufferId scratch;        // where the device works
  BufferId tables;         // what it makes of a batch; −1: not here
  BufferId rotary;         // cosines and sines of each rope; where DoRA rotates back, those for it after them
  BufferId optimizer;      // for the optimiser's step; −1: not needed
  std::size_t packedBytes = 0;
  std::size_t originLowBytes = 0;  // of one projection

  // Where the input of a block lies while others are off-loaded.
  static int placeOf(int layer) { return layer % 2; }

  StepLayout(const ModelSpec& spec, const TrainerOptions& options, const DeviceNeeds& needs);
};

}  // namespace qt
