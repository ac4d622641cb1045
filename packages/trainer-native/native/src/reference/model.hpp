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
  bool magnitude = false;  // DoRA
};

struct Decoder {
  ModelSpec spec;
  Tensors weights;
  std::vector<std::array<Adapter, projectionCount>> adapters;  // or empty
  std::vector<std::array<Values, projectionCount>> masks;      // dropout: factors on an adapter's input, or empty
  Values noise;                                                // added to each number of the embedded tokens, or empty
  Values tokenWeights;                                         // of each token's loss, or empty
  double smoothing = 0;                                        // of labels
  Tensors frozenNorms;                                         // DoRA's norms by magnitude, where differences must not see them change

  // DoRA's norms as they are now.
  void freezeNorms() {
    frozenNorms.clear();
    Tensors norms;
    for (std::size_t l = 0; l < adapters.size(); ++l)
      for (int p = 0; p < projectionCount; ++p) {
        if (!adapters[l][p].magnitude) continue;
        const TensorId id = magnitudeOf(static_cast<int>(l), p);
        Values& norm = norms[id] = rowScales(static_cast<int>(l), p);
        for (std::size_t i = 0; i < norm.size(); ++i) norm[i] = weights.at(id)[i] / norm[i];
      }
    frozenNorms = norms;
  }

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
    const bool gelu = spec.activation == Activation::Gelu;

    const Values& embedding = weights.at(weightOf(-1, Embedding));
    Values x(static_cast<std::size_t>(tokens) * d);
    for (int t = 0; t < tokens; ++t)
      for (int i = 0; i < d; ++i) x[t * d + i] = embedding[ids[t] * d + i] * spec.embeddingScale;
    if (!noise.empty()) x = sum(x, noise);

    struct Kept {
      Values x, h1, rawQ, rawK, q, k, v, o, rawO, middle, h2, gate, up, act, rawFfn;
      std::array<Values, projectionCount> low;
    };
    std::vector<Kept> kept(spec.layers);
    for (int l = 0; l < spec.layers; ++l) {
      Kept& b = kept[l];
      b.x = x;
      b.h1 = rmsNorm(x, weights.at(weightOf(l, AttentionNorm)), tokens, d, spec.normEpsilon);
      b.rawQ = project(l, Query, b.h1, tokens, b.low);
      b.rawK = project(l, Key, b.h1, tokens, b.low);
      b.v = project(l, Value, b.h1, tokens, b.low);
      b.q = headNorm(l, QueryNorm, b.rawQ);
      b.k = headNorm(l, KeyNorm, b.rawK);
      rotateLayer(l, b.q, positions, spec.heads, 1);
      rotateLayer(l, b.k, positions, spec.kvHeads, 1);
      b.o = attention(b.q, b.k, b.v, document, sizes(l));
      b.rawO = project(l, AttentionOut, b.o, tokens, b.low);
      b.middle = sum(x, postNorm(l, PostAttentionNorm, b.rawO));
      b.h2 = rmsNorm(b.middle, weights.at(weightOf(l, FfnNorm)), tokens, d, spec.normEpsilon);
      b.gate = project(l, Gate, b.h2, tokens, b.low);
      b.up = project(l, Up, b.h2, tokens, b.low);
      b.act = gelu ? geglu(b.gate, b.up) : swiglu(b.gate, b.up);
      b.rawFfn = project(l, Down, b.act, tokens, b.low);
      x = sum(b.middle, postNorm(l, PostFfnNorm, b.rawFfn));
    }
    const Values last = rmsNorm(x, weights.at(weightOf(-1, OutputNorm)), tokens, d, spec.normEpsilon);
    const TensorId outputKey = weightOf(-1, spec.tiedEmbeddings ? Embedding : OutputWeight);
    Values dLogits;
    const Values logits = softcap(linear(last, weights.at(outputKey), tokens, vocabulary, d), spec.logitSoftcap);
    const double loss = crossEntropy(logits, labels, vocabulary, weight, tokenWeights, smoothing, dLogits);
    softcapBackward(logits, spec.logitSoftcap, dLogits);

    Values dLast(last.size()), dx(x.size());
    linearBackward(last, weights.at(outputKey), dLogits, dLast, gradients[outputKey], tokens, vocabulary, d);
    rmsNormBackward(x, weights.at(weightOf(-1, OutputNorm)), dLast, dx, gradients[weightOf(-1, OutputNorm)], tokens, d, spec.normEpsilon);
    for (int l = spec.layers - 1; l >= 0; --l) {
      const Kept& b = kept[l];
      Values dAct(b.act.size()), dGate(b.gate.size()), dUp(b.up.size()), dh2(b.h2.size());
      projectBackward(l, Down, b.act, b.low, postNormBackward(l, PostFfnNorm, b.rawFfn, dx, gradients), dAct, gradients, tokens);
      (gelu ? gegluBackward : swigluBackward)(b.gate, b.up, dAct, dGate, dUp);
      projectBackward(l, Gate, b.h2, b.low, dGate, dh2, gradients, tokens);
      projectBackward(l, Up, b.h2, b.low, dUp, dh2, gradients, tokens);
      rmsNormBackward(b.middle, weights.at(weightOf(l, FfnNorm)), dh2, dx, gradients[weightOf(l, FfnNorm)], tokens, d, spec.normEpsilon);
      Values dO(b.o.size()), dq(b.q.size()), dk(b.k.size()), dv(b.v.size()), dh1(b.h1.size());
      projectBackward(l, AttentionOut, b.o, b.low, postNormBackward(l, PostAttentionNorm, b.rawO, dx, gradients), dO, gradients, tokens);
      attentionBackward(b.q, b.k, b.v, dO, document, sizes(l), dq, dk, dv);
      rotateLayer(l, dq, positions, spec.heads, -1);
      rotateLayer(l, dk, positions, spec.kvHeads, -1);
      dq = headNormBackward(l, QueryNorm, b.rawQ, dq, gradients);
      dk = headNormBackward(l, KeyNorm, b.rawK, dk, gradients);
      projectBackward(l, Query, b.h1, b.low, dq, dh1, gradients, tokens);
      projectBackward(l, Key, b.h1, b.low, dk, dh1, gradients, tokens);
      projectBackward(l, Value, b.h1, b.low, dv, dh1, gradients, tokens);
      rmsNormBackward(b.x, weights.at(weightOf(l, AttentionNorm)), dh1, dx, gradients[weightOf(l, AttentionNorm)], tokens, d, spec.normEpsilon);
    }
    Values& dEmbedding = gradients[weightOf(-1, Embedding)];
    for (int t = 0; t < tokens; ++t)
      for (int i = 0; i < d; ++i) dEmbedding[ids[t] * d + i] += dx[t * d + i] * spec.embeddingScale;
    return loss;
  }

 private:
  static Values sum(const Values& a, const Values& b) {
    Values out(a);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += b[i];
    return out;
  }
  AttentionSizes sizes(int l) const { return {spec.heads, spec.kvHeads, spec.headDim, spec.attentionScale, spec.attentionSoftcap, spec.layer(l).window}; }
  void rotateLayer(int l, Values& x, const std::vector<int>& positions, int heads, int direction) const {
    const int rope = spec.layer(l).rope;
    if (rope < 0) return;
    reference::rotate(x, positions, spec.ropes[rope].frequencies, spec.ropeLayout == RopeLayout::Interleaved, heads, spec.headDim, direction,
                      spec.ropes[rope].factor);
  }
  // A norm that the architecture may not have: of each head, and of what is added to the residual.
  Values norm(const TensorId& key, bool has, const Values& x, int d) const {
    return has ? rmsNorm(x, weights.at(key), static_cast<int>(x.size()) / d, d, spec.normEpsilon) : x;
  }
  Values normBackward(const TensorId& key, bool has, const Values& x, const Values& dy, Tensors& gradients, int d) const {
    if (!has) return dy;
    Values dx(x.size());
    rmsNormBackward(x, weights.at(key), dy, dx, gradients[key], static_cast<int>(x.size()) / d, d, spec.normEpsilon);
    return dx;
  }
  Values headNorm(int l, int kind, const Values& x) const { return norm(weightOf(l, kind), spec.queryKeyNorms, x, spec.headDim); }
  Values headNormBackward(int l, int kind, const Values& x, const Values& dy, Tensors& g) const {
    return normBackward(weightOf(l, kind), spec.queryKeyNorms, x, dy, g, spec.headDim);
  }
  Values postNorm(int l, int kind, const Values& x) const { return norm(weightOf(l, kind), spec.postNorms, x, spec.dModel); }
  Values postNormBackward(int l, int kind, const Values& x, const Values& dy, Tensors& g) const {
    return normBackward(weightOf(l, kind), spec.postNorms, x, dy, g, spec.dModel);
  }
  bool biased(int p) const { return spec.attentionBias && p <= Value; }
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
    if (a.rank == 0) return biased(p) ? addBias(y, weights.at(weightOf(l, Bias + p))) : y;
    low[p] = linear(masked(l, p, x), weights.at(loraA(l, p)), tokens, a.rank, s.columns);
    for (double& v : low[p]) v *= a.scale;
    y = sum(y, linear(low[p], weights.at(loraB(l, p)), tokens, s.rows, a.rank));
    if (a.magnitude) scaleColumns(y, rowScales(l, p), tokens);
    return biased(p) ? addBias(y, weights.at(weightOf(l, Bias + p))) : y;
  }
  // DoRA: m/‖W + scale·B·A‖ of each row; the norm is a constant to gradients.
  Values rowScales(int l, int p) const {
    const Shape s = projectionShape(spec, p);
    const Values &w = weights.at(weightOf(l, p)), &a = weights.at(loraA(l, p)), &b = weights.at(loraB(l, p)), &m = weights.at(magnitudeOf(l, p));
    Values scales(s.rows);
    for (int i = 0; i < s.rows; ++i) {
      double squares = 0;
      for (int j = 0; j < s.columns; ++j) {
        double v = w[i * s.columns + j];
        for (int r = 0; r < adapters[l][p].rank; ++r) v += adapters[l][p].scale * b[i * adapters[l][p].rank + r] * a[r * s.columns + j];
        squares += v * v;
      }
      scales[i] = m[i] / (frozenNorms.empty() ? std::sqrt(squares) : frozenNorms.at(magnitudeOf(l, p))[i]);
    }
    return scales;
  }
  static void scaleColumns(Values& x, const Values& scales, int tokens) {
    for (int t = 0; t < tokens; ++t)
      for (std::size_t i = 0; i < scales.size(); ++i) x[t * scales.size() + i] *= scales[i];
  }
  void projectBackward(int l, int p, const Values& x, const std::array<Values, projectionCount>& low, const Values& dOutput, Values& dx, Tensors& gradients, int tokens) const {
    const Shape s = projectionShape(spec, p);
    Values dy = dOutput;
    if (adapterOf(l, p).magnitude) {
      const Values z = sum(linear(x, weights.at(weightOf(l, p)), tokens, s.rows, s.columns), linear(low[p], weights.at(loraB(l, p)), tokens, s.rows, adapterOf(l, p).rank));
      const Values scales = rowScales(l, p), &m = weights.at(magnitudeOf(l, p));
      for (int t = 0; t < tokens; ++t)
        for (int i = 0; i < s.rows; ++i) gradients[magnitudeOf(l, p)][i] += dy[t * s.rows + i] * z[t * s.rows + i] * scales[i] / m[i];
      scaleColumns(dy, scales, tokens);
    }
    linearBackward(x, weights.at(weightOf(l, p)), dy, dx, gradients[weightOf(l, p)], tokens, s.rows, s.columns);
    if (biased(p)) biasBackward(dOutput, gradients[weightOf(l, Bias + p)]);
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
