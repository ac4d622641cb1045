// JavaScript's plain objects to the engine's plain structs, and back. No decision is taken here.
#pragma once
#include <algorithm>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <napi.h>

#include "errors.hpp"
#include "generate/session.hpp"
#include "model/model.hpp"
#include "train/options.hpp"

namespace qt {

// What C++ throws becomes an Error of JavaScript; anything else that left a function called from there would end the process.
template <class Body>
auto guarded(Napi::Env env, const Body& body) -> decltype(body()) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw Napi::Error::New(env, "the system gave no memory for this");
  } catch (const OutOfMemory& e) {
    throw outOfMemory(env, e.what());
  } catch (const TransportError& e) {
    throw transportError(env, e.what());
  } catch (const std::exception& e) {
    throw Napi::Error::New(env, e.what());
  }
}

inline double number(const Napi::Object& o, const char* key) {
  const Napi::Value v = o.Get(key);
  if (!v.IsNumber()) throw Napi::TypeError::New(o.Env(), std::string(key) + " must be a number");
  return v.As<Napi::Number>().DoubleValue();
}
// 0 for null.
inline float optionalNumber(const Napi::Object& o, const char* key) { return o.Get(key).IsNumber() ? static_cast<float>(number(o, key)) : 0.0f; }
inline std::int32_t integer(const Napi::Object& o, const char* key) { return static_cast<std::int32_t>(number(o, key)); }
inline bool boolean(const Napi::Object& o, const char* key) { return o.Get(key).ToBoolean(); }
inline std::string text(const Napi::Object& o, const char* key) { return o.Get(key).ToString().Utf8Value(); }
inline Napi::Object object(const Napi::Object& o, const char* key) {
  const Napi::Value v = o.Get(key);
  if (!v.IsObject()) throw Napi::TypeError::New(o.Env(), std::string(key) + " must be an object");
  return v.As<Napi::Object>();
}
inline Napi::Array array(const Napi::Object& o, const char* key) { return object(o, key).As<Napi::Array>(); }

inline std::vector<std::int32_t> integers(const Napi::Value& v) {
  if (!v.IsTypedArray() || v.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) throw Napi::TypeError::New(v.Env(), "an Int32Array is expected");
  const auto typed = v.As<Napi::Int32Array>();
  return {typed.Data(), typed.Data() + typed.ElementLength()};
}
inline Napi::Float32Array toFloats(Napi::Env env, const std::vector<float>& values) {
  Napi::Float32Array out = Napi::Float32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), out.Data());
  return out;
}
inline Napi::Float32Array floats(const Napi::Value& v) {
  if (!v.IsTypedArray() || v.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) throw Napi::TypeError::New(v.Env(), "a Float32Array is expected");
  return v.As<Napi::Float32Array>();
}

ModelSpec toSpec(const Napi::Object& o);
std::vector<TensorSource> toTensors(const Napi::Array& list);

// How a step is shared among processes; without it there is one.
struct Share {
  std::int32_t rank = 0, processes = 1, microBatches = 1;
  bool strict = false;
  bool base = false;
  bool once = false;
  TensorShare tensor = {};
};
Share toShare(const Napi::Object& options);
TrainerOptions toTrainerOptions(const Napi::Object& o, const ModelSpec& spec);
AdapterSet toAdapters(const Napi::Object& given, const ModelSpec& spec);

// Threads asked for, within reason.
int toThreads(const Napi::Value& value);

// Where a step runs when it is not the processor: { library, index } of a GPU.
struct GpuPlace {
  std::string library;
  std::int32_t index;
};
std::optional<GpuPlace> toGpu(const Napi::Value& value);

// The kernels named, or the best this machine has.
const KernelTable& toKernels(const Napi::Value& name);

}  // namespace qt
