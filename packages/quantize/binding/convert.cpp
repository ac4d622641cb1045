#include "convert.hpp"

#include <algorithm>

namespace qt {

FileJob toFileJob(const Napi::Object& o) {
  FileJob job;
  job.output = o.Get("output").ToString().Utf8Value();
  job.threads = std::max(1, static_cast<int>(number(o, "threads")));
  const Napi::Array inputs = o.Get("inputs").As<Napi::Array>();
  for (std::uint32_t i = 0; i < inputs.Length(); ++i) job.inputs.push_back(inputs.Get(i).ToString().Utf8Value());
  const Napi::Array tensors = o.Get("tensors").As<Napi::Array>();
  for (std::uint32_t i = 0; i < tensors.Length(); ++i) {
    const Napi::Object t = tensors.Get(i).As<Napi::Object>();
    std::vector<float> importance;
    if (const Napi::Value given = t.Get("importance"); given.IsTypedArray()) {
      const auto weights = given.As<Napi::Float32Array>();
      importance.assign(weights.Data(), weights.Data() + weights.ElementLength());
    }
    job.tensors.push_back({static_cast<std::size_t>(number(t, "input")), static_cast<std::uint64_t>(number(t, "inputOffset")),
                           static_cast<TensorType>(number(t, "from")), static_cast<std::uint64_t>(number(t, "outputOffset")),
                           static_cast<TensorType>(number(t, "to")), static_cast<std::int64_t>(number(t, "rows")),
                           static_cast<std::int64_t>(number(t, "columns")), std::move(importance),
                           static_cast<std::int64_t>(number(t, "matrixRows"))});
  }
  return job;
}

const EncoderTable& toEncoders(const Napi::Value& name) {
  if (!name.IsString()) return encoders();
  const std::string wanted = name.ToString().Utf8Value();
  const EncoderTable& table = encoders(wanted.c_str());
  if (wanted != table.name) throw Napi::RangeError::New(name.Env(), "this machine has no encoders named " + wanted);
  return table;
}

Napi::Value fromFault(Napi::Env env, const Fault& fault) {
  if (!fault) return env.Null();
  Napi::Object o = Napi::Object::New(env);
  o.Set("kind", fault.kind == Fault::Kind::NotFinite ? "not-finite" : "out-of-range");
  o.Set("index", static_cast<double>(fault.index));
  o.Set("value", fault.value);
  return o;
}

Napi::Value fromOutcome(Napi::Env env, const Outcome& outcome) {
  constexpr const char* kinds[] = {"done", "aborted", "refused", "read-failed", "write-failed"};
  Napi::Object o = Napi::Object::New(env);
  o.Set("kind", kinds[static_cast<int>(outcome.kind)]);
  o.Set("tensor", static_cast<double>(outcome.tensor));
  o.Set("fault", fromFault(env, outcome.fault));
  o.Set("message", outcome.message);
  return o;
}

}  // namespace qt
