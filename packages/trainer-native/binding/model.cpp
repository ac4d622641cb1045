#include "convert.hpp"
#include "objects.hpp"

namespace qt {

Napi::Function ModelObject::define(Napi::Env env) {
  return DefineClass(env, "Model", {InstanceAccessor<&ModelObject::weightBytes>("weightBytes")});
}

// new Model(spec, tensors, storage, apart?)
ModelObject::ModelObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelObject>(info) {
  guarded(info.Env(), [&] {
    const ModelSpec spec = toSpec(info[0].As<Napi::Object>());
    const std::vector<TensorSource> tensors = toTensors(info[1].As<Napi::Array>());
    const std::string storage = info[2].ToString().Utf8Value();
    if (tensors.empty()) {  // from scratch: the trainer's parameters are the model
      Model empty;
      empty.spec = spec;
      empty.blocks.resize(spec.layers);
      model_ = std::make_shared<const Model>(std::move(empty));
    } else {
      model_ = std::make_shared<const Model>(openModel(
          spec, tensors, storage == "float32"    ? BaseStorage::Float32
                         : storage == "bfloat16" ? BaseStorage::BFloat16
                         : storage == "nf4"      ? BaseStorage::Nf4
                                                 : BaseStorage::Packed,
          info[3].ToBoolean()));
    }
  });
}

Napi::Value ModelObject::weightBytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(model_->weightBytes()));
}

}  // namespace qt
