// The training reference: every operation of a block in double precision and straight loops, forward and backward.
// It is the specification that the fast kernels are compared with; finite differences check it in turn (test/reference_test.cpp).
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

namespace qt::reference {

using Values = std::vector<double>;

// y[T,n] = x[T,k]·W[n,k]ᵀ
inline Values linear(const Values& x, const Values& w, int tokens, int n, int k) {
  Values y(static_cast<std::size_t>(tokens) * n);
  for (int t = 0; t < tokens; ++t)
    for (int i = 0; i < n; ++i) {
      double sum = 0;
      for (int j = 0; j < k; ++j) sum += x[t * k + j] * w[i * k + j];
      y[t * n + i] = sum;
    }
  return y;
}
// dx += dy·W, dw += dyᵀ·x
inline void linearBackward(const Values& x, const Values& w, const Values& dy, Values& dx, Values& dw, int tokens, int n, int k) {
  for (int t = 0; t < tokens; ++t)
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < k; ++j) {
        dx[t * k + j] += dy[t * n + i] * w[i * k + j];
        dw[i * k + j] += dy[t * n + i] * x[t * k + j];
      }
}

inline Values rmsNorm(const Values& x, const Values& w, int tokens, int d, double epsilon) {
  Values y(x.size());
  for (int t = 0; t < tokens; ++t) {
    double squares = 0;
    for (int i = 0; i < d; ++i) squares += x[t * d + i] * x[t * d + i];
    const double inverse = 1 / std::sqrt(squares / d + epsilon);
    for (int i = 0; i < d; ++i) y[t * d + i] = x[t * d + i] * inverse * w[i];
  }
  return y;
}
inline void rmsNormBackward(const Values& x, const Values& w, const Values& dy, Values& dx, Values& dw, int tokens, int d, double epsilon) {
  for (int t = 0; t < tokens; ++t) {
    double squares = 0, dot = 0;
    for (int i = 0; i < d; ++i) {
      squares += x[t * d + i] * x[t * d + i];
      dot += x[t * d + i] * dy[t * d + i] * w[i];
    }
    const double inverse = 1 / std::sqrt(squares / d + epsilon);
    for (int i = 0; i < d; ++i) {
      dw[i] += dy[t * d + i] * x[t * d + i] * inverse;
      dx[t * d + i] += dy[t * d + i] * w[i] * inverse - x[t * d + i] * inverse * inverse * inverse * dot / d;
    }
  }
}

// Rotates pairs of each head by position·frequency and multiplies them by `factor`; direction −1 is the transpose.
inline void rotate(Values& x, const std::vector<int>& positions, const std::vector<double>& frequencies, bool interleaved, int heads, int headDim,
                   int direction, double factor = 1) {
  const int pairs = static_cast<int>(frequencies.size());
  for (std::size_t t = 0; t < positions.size(); ++t)
    for (int h = 0; h < heads; ++h)
      for (int i = 0; i < pairs; ++i) {
        double* head = x.data() + (t * heads + h) * headDim;
        double& a = head[interleaved ? 2 * i : i];
        double& b = head[interleaved ? 2 * i + 1 : i + pairs];
        const double angle = positions[t] * frequencies[i], c = std::cos(angle) * factor, s = std::sin(angle) * factor * direction, before = a;
        a = before * c - b * s;
        b = b * c + before * s;
      }
}

struct AttentionSizes {
  int heads, kvHeads, headDim;
  double scale;
  double softcap = 0;  // 0: none
  int window = 0;      // 0: all
};

// c·tanh(x/c), and its derivative from the result; c = 0 leaves x alone.
inline double cap(double x, double c) { return c == 0 ? x : c * std::tanh(x / c); }
inline double capSlope(double capped, double c) { return c == 0 ? 1 : 1 - capped / c * (capped / c); }

// Whether position t sees u: of the same document, not after it, within the window.
inline bool sees(const std::vector<int>& document, const AttentionSizes& s, int t, int u) {
  return document[u] == document[t] && (s.window == 0 || t - u < s.window);
}
inline double score(const Values& q, const Values& k, const AttentionSizes& s, int t, int u, int head) {
  double sum = 0;
  for (int i = 0; i < s.headDim; ++i)
    sum += q[(t * s.heads + head) * s.headDim + i] * k[(u * s.kvHeads + head / (s.heads / s.kvHeads)) * s.headDim + i];
  return cap(sum * s.scale, s.softcap);
}

// Softmax over the positions that are seen.
inline Values attentionWeights(const Values& q, const Values& k, const std::vector<int>& document, const AttentionSizes& s, int t, int head) {
  Values p(t + 1, 0.0);
  double high = -1e300, sum = 0;
  for (int u = 0; u <= t; ++u) {
    if (!sees(document, s, t, u)) continue;
    p[u] = score(q, k, s, t, u, head);
    high = std::max(high, p[u]);
  }
  for (int u = 0; u <= t; ++u) sum += p[u] = sees(document, s, t, u) ? std::exp(p[u] - high) : 0;
  for (double& x : p) x /= sum;
  return p;
}

inline Values attention(const Values& q, const Values& k, const Values& v, const std::vector<int>& document, const AttentionSizes& s) {
  Values out(q.size());
  for (int t = 0; t < static_cast<int>(document.size()); ++t)
    for (int h = 0; h < s.heads; ++h) {
      const Values p = attentionWeights(q, k, document, s, t, h);
      for (int u = 0; u <= t; ++u)
        for (int i = 0; i < s.headDim; ++i)
          out[(t * s.heads + h) * s.headDim + i] += p[u] * v[(u * s.kvHeads + h / (s.heads / s.kvHeads)) * s.headDim + i];
    }
  return out;
}

inline void attentionBackward(const Values& q, const Values& k, const Values& v, const Values& dOut, const std::vector<int>& document,
                              const AttentionSizes& s, Values& dq, Values& dk, Values& dv) {
  for (int t = 0; t < static_cast<int>(document.size()); ++t)
    for (int h = 0; h < s.heads; ++h) {
      const int kvHead = h / (s.heads / s.kvHeads);
      const Values p = attentionWeights(q, k, document, s, t, h);
      const double* go = dOut.data() + (t * s.heads + h) * s.headDim;
      Values dp(p.size());
      double dot = 0;
      for (int u = 0; u <= t; ++u) {
        for (int i = 0; i < s.headDim; ++i) {
          dp[u] += go[i] * v[(u * s.kvHeads + kvHead) * s.headDim + i];
          dv[(u * s.kvHeads + kvHead) * s.headDim + i] += p[u] * go[i];
        }
        dot += p[u] * dp[u];
      }
      for (int u = 0; u <= t; ++u) {
        if (!sees(document, s, t, u)) continue;
        const double ds = p[u] * (dp[u] - dot) * s.scale * capSlope(score(q, k, s, t, u, h), s.softcap);
        for (int i = 0; i < s.headDim; ++i) {
          dq[(t * s.heads + h) * s.headDim + i] += ds * k[(u * s.kvHeads + kvHead) * s.headDim + i];
          dk[(u * s.kvHeads + kvHead) * s.headDim + i] += ds * q[(t * s.heads + h) * s.headDim + i];
        }
      }
    }
}

inline Values swiglu(const Values& gate, const Values& up) {
  Values y(gate.size());
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
  return y;
}
inline void swigluBackward(const Values& gate, const Values& up, const Values& dy, Values& dGate, Values& dUp) {
  for (std::size_t i = 0; i < dy.size(); ++i) {
    const double sigmoid = 1 / (1 + std::exp(-gate[i]));
    dGate[i] += dy[i] * up[i] * sigmoid * (1 + gate[i] * (1 - sigmoid));
    dUp[i] += dy[i] * gate[i] * sigmoid;
  }
}

// gelu by the tanh formula: g/2·(1 + tanh(√(2/π)·(g + 0.044715·g³)))
inline double geluTanh(double g) { return std::tanh(std::sqrt(2 / 3.14159265358979323846) * (g + 0.044715 * g * g * g)); }
inline Values geglu(const Values& gate, const Values& up) {
  Values y(gate.size());
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = gate[i] / 2 * (1 + geluTanh(gate[i])) * up[i];
  return y;
}
inline void gegluBackward(const Values& gate, const Values& up, const Values& dy, Values& dGate, Values& dUp) {
  for (std::size_t i = 0; i < dy.size(); ++i) {
    const double g = gate[i], t = geluTanh(g);
    const double slope = (1 + t) / 2 + g / 2 * (1 - t * t) * std::sqrt(2 / 3.14159265358979323846) * (1 + 3 * 0.044715 * g * g);
    dGate[i] += dy[i] * up[i] * slope;
    dUp[i] += dy[i] * g / 2 * (1 + t);
  }
}

// y = x + b for every row; db += the sums of the columns.
inline Values addBias(Values x, const Values& bias) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += bias[i % bias.size()];
  return x;
}
inline void biasBackward(const Values& dy, Values& dBias) {
  for (std::size_t i = 0; i < dy.size(); ++i) dBias[i % dBias.size()] += dy[i];
}

// Every number soft-capped, and the gradient of that from the capped numbers.
inline Values softcap(Values x, double c) {
  for (double& v : x) v = cap(v, c);
  return x;
}
inline void softcapBackward(const Values& capped, double c, Values& dx) {
  for (std::size_t i = 0; i < dx.size(); ++i) dx[i] *= capSlope(capped[i], c);
}

// Σ weight·tokenWeight·Σᵢ −qᵢ·log pᵢ over the tokens with a label; dLogits is written. The target q is 1 − smoothing for the label and
// smoothing spread over the whole vocabulary (Szegedy et al., arXiv 1512.00567); no token weights: all 1.
inline double crossEntropy(const Values& logits, const std::vector<int>& labels, int vocabulary, double weight, const Values& tokenWeights, double smoothing,
                           Values& dLogits) {
  double loss = 0;
  dLogits.assign(logits.size(), 0.0);
  for (std::size_t t = 0; t < labels.size(); ++t) {
    if (labels[t] < 0) continue;
    const double* z = logits.data() + t * vocabulary;
    double high = z[0], sum = 0;
    for (int i = 1; i < vocabulary; ++i) high = std::max(high, z[i]);
    for (int i = 0; i < vocabulary; ++i) sum += std::exp(z[i] - high);
    const double own = weight * (tokenWeights.empty() ? 1.0 : tokenWeights[t]);
    for (int i = 0; i < vocabulary; ++i) {
      const double target = (i == labels[t] ? 1 - smoothing : 0) + smoothing / vocabulary;
      loss += own * target * (high + std::log(sum) - z[i]);
      dLogits[t * vocabulary + i] = own * (std::exp(z[i] - high) / sum - target);
    }
  }
  return loss;
}

}  // namespace qt::reference
