// Eight numbers to a thread, in 16-byte accesses where everything lies on such borders.
#include "elementwise.hpp"
#include "rows.cuh"

namespace qt::cuda {
namespace {

constexpr int threads = 256;

// The operation on numbers [at, at + V).
template <class Operation, int V>
__global__ void __launch_bounds__(threads) elementwiseKernel(Operation operation, std::int64_t count) {
  std::int64_t at = (static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x) * V;
  if (at + V <= count) {
    operation.template run<V>(at);
    return;
  }
  for (; at < count; ++at) operation.template run<1>(at);
}

template <class Operation>
Status run(const Operation& operation, bool packed, std::int64_t count, Stream stream) {
  if (count < 0) return Status::BadShape;
  if (count == 0) return Status::Ok;
  const std::int64_t each = threads * (packed ? 8 : 1);
  return launch(packed ? elementwiseKernel<Operation, 8> : elementwiseKernel<Operation, 1>, dim3(static_cast<unsigned>((count + each - 1) / each)), dim3(threads), 0, stream,
                operation, count);
}

constexpr float geluScale = 0.7978845608028654f, geluCube = 0.044715f;

// f(g) and f'(g) of a gate.
struct Silu {
  __device__ static float value(float g) { return g * sigmoid(g); }
  __device__ static void both(float g, float& value, float& slope) {
    const float s = sigmoid(g);
    value = g * s;
    slope = s * (1.0f + g * (1.0f - s));
  }
};
struct Gelu {
  __device__ static float value(float g) { return g * 0.5f * (1.0f + hyperbolicTangent((g + g * g * g * geluCube) * geluScale)); }
  __device__ static void both(float g, float& value, float& slope) {
    const float t = hyperbolicTangent((g + g * g * g * geluCube) * geluScale);
    value = g * 0.5f * (1.0f + t);
    slope = (1.0f + t) * 0.5f + g * 0.5f * (1.0f - t * t) * geluScale * (1.0f + g * g * (3.0f * geluCube));
  }
};

template <class T, class Gate>
struct Gated {
  const T *gate, *up;
  T* out;
  template <int V>
  __device__ void run(std::int64_t at) const {
    float g[V], u[V];
    take(gate + at, g);
    take(up + at, u);
#pragma unroll
    for (int i = 0; i < V; ++i) g[i] = Gate::value(g[i]) * u[i];
    give(out + at, g);
  }
};
template <class T, class Gate>
struct GatedBackward {
  const T *gate, *up, *dOut;
  T *dGate, *dUp;
  template <int V>
  __device__ void run(std::int64_t at) const {
    float g[V], u[V], d[V];
    take(gate + at, g);
    take(up + at, u);
    take(dOut + at, d);
#pragma unroll
    for (int i = 0; i < V; ++i) {
      float value, slope;
      Gate::both(g[i], value, slope);
      g[i] = d[i] * u[i] * slope;
      u[i] = d[i] * value;
    }
    give(dGate + at, g);
    give(dUp + at, u);
  }
};
template <class T>
struct Add {
  T* out;
  const T* x;
  template <int V>
  __device__ void run(std::int64_t at) const {
    float a[V], b[V];
    take(out + at, a);
    take(x + at, b);
#pragma unroll
    for (int i = 0; i < V; ++i) a[i] += b[i];
    give(out + at, a);
  }
};
template <class From, class To>
struct Convert {
  const From* x;
  To* out;
  template <int V>
  __device__ void run(std::int64_t at) const {
    float v[V];
    take(x + at, v);
    give(out + at, v);
  }
};
struct Softcap {
  float* z;
  float cap;
  template <int V>
  __device__ void run(std::int64_t at) const {
    float v[V];
    take(z + at, v);
#pragma unroll
    for (int i = 0; i < V; ++i) v[i] = cap * hyperbolicTangent(v[i] / cap);
    give(z + at, v);
  }
};

template <class Gate>
Status gated(const void* gate, const void* up, void* out, DType type, std::int64_t count, Stream stream) {
  return byType(type, [&]<class T>() {
    return run(Gated<T, Gate>{static_cast<const T*>(gate), static_cast<const T*>(up), static_cast<T*>(out)}, aligned(gate, up, out), count, stream);
  });
}
template <class Gate>
Status gatedBackward(const void* gate, const void* up, const void* dOut, void* dGate, void* dUp, DType type, std::int64_t count, Stream stream) {
  return byType(type, [&]<class T>() {
    return run(GatedBackward<T, Gate>{static_cast<const T*>(gate), static_cast<const T*>(up), static_cast<const T*>(dOut), static_cast<T*>(dGate), static_cast<T*>(dUp)},
               aligned(gate, up, dOut, dGate, dUp), count, stream);
  });
}

}  // namespace

Status swiglu(const void* gate, const void* up, void* out, DType type, std::int64_t count, Stream stream) { return gated<Silu>(gate, up, out, type, count, stream); }
Status geglu(const void* gate, const void* up, void* out, DType type, std::int64_t count, Stream stream) { return gated<Gelu>(gate, up, out, type, count, stream); }
Status swigluBackward(const void* gate, const void* up, const void* dOut, void* dGate, void* dUp, DType type, std::int64_t count, Stream stream) {
  return gatedBackward<Silu>(gate, up, dOut, dGate, dUp, type, count, stream);
}
Status gegluBackward(const void* gate, const void* up, const void* dOut, void* dGate, void* dUp, DType type, std::int64_t count, Stream stream) {
  return gatedBackward<Gelu>(gate, up, dOut, dGate, dUp, type, count, stream);
}

Status add(void* out, const void* x, DType type, std::int64_t count, Stream stream) {
  return byType(type, [&]<class T>() { return run(Add<T>{static_cast<T*>(out), static_cast<const T*>(x)}, aligned(out, x), count, stream); });
}
Status widen(const void* x, DType type, float* out, std::int64_t count, Stream stream) {
  return byType(type, [&]<class T>() { return run(Convert<T, float>{static_cast<const T*>(x), out}, aligned(x, out), count, stream); });
}
Status narrow(const float* x, void* out, DType type, std::int64_t count, Stream stream) {
  return byType(type, [&]<class T>() { return run(Convert<float, T>{x, static_cast<T*>(out)}, aligned(x, out), count, stream); });
}
Status softcap(float* z, std::int64_t count, float cap, Stream stream) { return run(Softcap{z, cap}, aligned(z), count, stream); }

}  // namespace qt::cuda
