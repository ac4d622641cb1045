// A whole decoder in double precision: loss and the gradient of every weight and adapter.
#pragma once
#include <array>
#include <map>
#include <string>
#include <utility>

#include "../spec.hpp"
#include "../train/tensors.hpp"
#include "ops.hpp"

namespace qt::reference {

// Tensors as the engine names them.
using Tensors = std::map<TensorId, Values>;

struct Adapter {
  int rank = 0;
  double scale = 0;
};

struct Decoder {
  ModelSpec spec;
  Tensors weights;
  std::vector<std::array<Adapter, projectionCount>> adapters;  // or empty
  std::vector<std::array<Values, projectionCount>> masks;      // dropout: factors on an adapter's input, or empty
  Values tokenWeights;                                         // of each token's loss, or empty
  double smoothing = 0;                                        // of labels

  // Loss·weight summed over labelled tokens; gradients of everything in `weights` go to `gradients`.
  double lossAndGradients(const std::vector<int>& ids, const std::vector<int>& labels, const std::vector<int>& borders, double weight, Tensors& gradients) const {
    const int tokens = static_cast<int>(ids.size()), d = spec.dModel, vocabulary = spec.vocabulary;
    std::vector<int> document(tokens), positions(tokens);
    for (std::size_t b = 0; b + 1 < borders.size(); ++b)
      for (int t = borders[b]; t < borders[b + 1]; ++t) {
        document[t] = static_cast<int>(b);
        positions[t] = t - borders[b];
      }
    gradients.clear();
    for (const auto& [key, value] : weights) gradients[key].assign(value.size(), 0.0);
    const AttentionSizes sizes{spec.heads, spec.kvHeads, spec.headDim, spec.attentionScale};
    const bool interleaved = spec.ropeLayout == RopeLayout::Interleaved;

    const Values& embedding = weights.at(weightOf(-1, Embedding));
    Values x(static_cast<std::size_t>(tokens) * d);
    for (int t = 0; t < tokens; ++t)
      for (int i = 0; i < d; ++i) x[t * d + i] = embedding[ids[t] * d + i];

    struct Kept {
      Values x, h1, q, k, v, o, middle, h2, gate, up, act;
      std::array<Values, projectionCount> low;
    };
    std::vector<Kept> kept(spec.layers);
    for (int l = 0; l < spec.layers; ++l) {
      Kept& b = kept[l];
      b.x = x;
      b.h1 = rmsNorm(x, weights.at(weightOf(l, AttentionNorm)), tokens, d, spec.normEpsilon);
      b.q = project(l, Query, b.h1, tokens, b.low);
      b.k = project(l, Key, b.h1, tokens, b.low);
      b.v = project(l, Value, b.h1, tokens, b.low);
      rotate(b.q, positions, spec.ropeFrequencies, interleaved, spec.heads, spec.headDim, 1);
      rotate(b.k, positions, spec.ropeFrequencies, interleaved, spec.kvHeads, spec.headDim, 1);
      b.o = attention(b.q, b.k, b.v, document, sizes);
      b.middle = sum(x, project(l, AttentionOut, b.o, tokens, b.low));
      b.h2 = rmsNorm(b.middle, weights.at(weightOf(l, FfnNorm)), tokens, d, spec.normEpsilon);
      b.gate = project(l, Gate, b.h2, tokens, b.low);
      b.up = project(l, Up, b.h2, tokens, b.low);
      b.act = swiglu(b.gate, b.up);
      x = sum(b.middle, project(l, Down, b.act, tokens, b.low));
    }
    const Values last = rmsNorm(x, weights.at(weightOf(-1, OutputNorm)), tokens, d, spec.normEpsilon);
    const TensorId outputKey = weightOf(-1, spec.tiedEmbeddings ? Embedding : OutputWeight);
    Values dLogits;
    const double loss = crossEntropy(linear(last, weights.at(outputKey), tokens, vocabulary, d), labels, vocabulary, weight, tokenWeights, smoothing, dLogits);

    Values dLast(last.size()), dx(x.size());
    linearBackward(last, weights.at(outputKey), dLogits, dLast, gradients[outputKey], tokens, vocabulary, d);
    rmsNormBackward(x, weights.at(weightOf(-1, OutputNorm)), dLast, dx, gradients[weightOf(-1, OutputNorm)], tokens, d, spec.normEpsilon);
    for (int l = spec.layers - 1; l >= 0; --l) {
      const Kept& b = kept[l];
      Values dAct(b.act.size()), dGate(b.gate.size()), dUp(b.up.size()), dh2(b.h2.size());
      projectBackward(l, Down, b.act, b.low, dx, dAct, gradients, tokens);
      swigluBackward(b.gate, b.up, dAct, dGate, dUp);
      projectBackward(l, Gate, b.h2, b.low, dGate, dh2, gradients, tokens);
      projectBackward(l, Up, b.h2, b.low, dUp, dh2, gradients, tokens);
      rmsNormBackward(b.middle, weights.at(weightOf(l, FfnNorm)), dh2, dx, gradients[weightOf(l, FfnNorm)], tokens, d, spec.normEpsilon);
      Values dO(b.o.size()), dq(b.q.size()), dk(b.k.size()), dv(b.v.size()), dh1(b.h1.size());
      projectBackward(l, AttentionOut, b.o, b.low, dx, dO, gradients, tokens);
      attentionBackward(b.q, b.k, b.v, dO, document, sizes, dq, dk, dv);
      rotate(dq, positions, spec.ropeFrequencies, interleaved, spec.heads, spec.headDim, -1);
      rotate(dk, positions, spec.ropeFrequencies, interleaved, spec.kvHeads, spec.headDim, -1);
      projectBackward(l, Query, b.h1, b.low, dq, dh1, gradients, tokens);
      projectBackward(l, Key, b.h1, b.low, dk, dh1, gradients, tokens);
      projectBackward(l, Value, b.h1, b.low, dv, dh1, gradients, tokens);
      rmsNormBackward(b.x, weights.at(weightOf(l, AttentionNorm)), dh1, dx, gradients[weightOf(l, AttentionNorm)], tokens, d, spec.normEpsilon);
    }
    Values& dEmbedding = gradients[weightOf(-1, Embedding)];
    for (int t = 0; t < tokens; ++t)
      for (int i = 0; i < d; ++i) dEmbedding[ids[t] * d + i] += dx[t * d + i];
    return loss;
  }

 private:
  static Values sum(const Values& a, const Values& b) {
    Values out(a);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += b[i];
    return out;
  }
  Adapter adapterOf(int l, int p) const { return adapters.empty() ? Adapter{} : adapters[l][p]; }
  Values masked(int l, int p, Values x) const {
    if (!masks.empty())
      for (std::size_t i = 0; i < x.size(); ++i) x[i] *= masks[l][p][i];
    return x;
  }

  Values project(int l, int p, const Values& x, int tokens, std::array<Values, projectionCount>& low) const {
    const Shape s = projectionShape(spec, p);
    Values y = linear(x, weights.at(weightOf(l, p)), tokens, s.rows, s.columns);
    const Adapter a = adapterOf(l, p);
    if (a.rank == 0) return y;
    low[p] = linear(masked(l, p, x), weights.at(loraA(l, p)), tokens, a.rank, s.columns);
    for (double& v : low[p]) v *= a.scale;
    return sum(y, linear(low[p], weights.at(loraB(l, p)), tokens, s.rows, a.rank));
  }
  void projectBackward(int l, int p, const Values& x, const std::array<Values, projectionCount>& low, const Values& dy, Values& dx, Tensors& gradients, int tokens) const {
    const Shape s = projectionShape(spec, p);
    linearBackward(x, weights.at(weightOf(l, p)), dy, dx, gradients[weightOf(l, p)], tokens, s.rows, s.columns);
    const Adapter a = adapterOf(l, p);
    if (a.rank == 0) return;
    Values dLow(low[p].size());
    linearBackward(low[p], weights.at(loraB(l, p)), dy, dLow, gradients[loraB(l, p)], tokens, s.rows, a.rank);
    for (double& v : dLow) v *= a.scale;
    Values share(dx.size());
    linearBackward(masked(l, p, x), weights.at(loraA(l, p)), dLow, share, gradients[loraA(l, p)], tokens, a.rank, s.columns);
    dx = sum(dx, masked(l, p, share));
  }
};

}  // namespace qt::reference
