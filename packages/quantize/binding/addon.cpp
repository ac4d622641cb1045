#include <napi.h>

#include <qt/blocks.hpp>
#include <qt/processors.hpp>

#include "convert.hpp"
#include "file-run.hpp"

namespace qt {
namespace {

Napi::Value listKernels(const Napi::CallbackInfo& info) {
  const char* names[8];
  const int count = availableEncoders(names, 8);
  Napi::Array list = Napi::Array::New(info.Env());
  for (int i = 0; i < count; ++i) list.Set(static_cast<std::uint32_t>(i), Napi::String::New(info.Env(), names[i]));
  return list;
}

Napi::Value processors(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), availableProcessors()); }

TensorType typeOf(const Napi::Value& id) { return static_cast<TensorType>(id.ToNumber().Uint32Value()); }

Napi::Value isDecodable(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), decodable(typeOf(info[0]))); }
Napi::Value isEncodable(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), encodable(typeOf(info[0]))); }

// (type, values, columns, importance or null, out, kernels?) → fault or null
Napi::Value encode(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const TensorType type = typeOf(info[0]);
  const auto values = info[1].As<Napi::Float32Array>();
  const auto columns = static_cast<std::size_t>(info[2].ToNumber().Int64Value());
  const float* importance = nullptr;
  if (info[3].IsTypedArray()) {
    const auto weights = info[3].As<Napi::Float32Array>();
    if (weights.ElementLength() != columns) throw Napi::RangeError::New(env, "importance needs one weight a column");
    importance = weights.Data();
  }
  auto out = info[4].As<Napi::Uint8Array>();
  const std::size_t bytes = rowBytes(type, columns);
  if (!encodable(type) || bytes == 0 || values.ElementLength() % columns != 0 || out.ElementLength() != values.ElementLength() / columns * bytes)
    throw Napi::RangeError::New(env, "values and output are not rows of whole blocks of a type that has an encoder");
  const Rows rows{values.Data(), static_cast<std::int64_t>(values.ElementLength() / columns), static_cast<std::int64_t>(columns), importance};
  if (tested(toEncoders(info[5]), type).encode(type, rows, out.Data())) return env.Null();
  return fromFault(env, encodeReference(type, rows, out.Data()));
}

// (type, blocks) → position or −1
Napi::Value findNotFinite(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const TensorType type = typeOf(info[0]);
  const auto blocks = info[1].As<Napi::Uint8Array>();
  const BlockTraits traits = blockTraits(type);
  if (!decodable(type) || blocks.ElementLength() % traits.bytes != 0) throw Napi::RangeError::New(env, "these are no whole blocks of a type that can be decoded");
  const auto values = static_cast<std::int64_t>(blocks.ElementLength() / traits.bytes * traits.size);
  return Napi::Number::New(env, static_cast<double>(firstNotFinite(encoders(), type, blocks.Data(), values)));
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  exports.Set("availableKernels", Napi::Function::New(env, listKernels));
  exports.Set("availableProcessors", Napi::Function::New(env, processors));
  exports.Set("decodable", Napi::Function::New(env, isDecodable));
  exports.Set("encodable", Napi::Function::New(env, isEncodable));
  exports.Set("encode", Napi::Function::New(env, encode));
  exports.Set("firstNotFinite", Napi::Function::New(env, findNotFinite));
  exports.Set("startFile", Napi::Function::New(env, startFile));
  return exports;
}

}  // namespace
}  // namespace qt

Napi::Object startAddon(Napi::Env env, Napi::Object exports) { return qt::start(env, exports); }

NODE_API_MODULE(qt_quantize, startAddon)
