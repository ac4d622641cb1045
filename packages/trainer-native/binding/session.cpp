#include "convert.hpp"
#include "objects.hpp"

namespace qt {

Napi::Function SessionObject::define(Napi::Env env) {
  return DefineClass(env, "Session",
                     {InstanceMethod<&SessionObject::append>("append"), InstanceMethod<&SessionObject::truncate>("truncate"),
                      InstanceAccessor<&SessionObject::length>("length"), InstanceMethod<&SessionObject::setAbort>("setAbort"),
                      InstanceMethod<&SessionObject::close>("close")});
}

// new Session(model, adapters, { contextLength, bf16 }, threads, kernels?)
SessionObject::SessionObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SessionObject>(info) {
  model_ = Napi::ObjectWrap<ModelObject>::Unwrap(info[0].As<Napi::Object>())->model();
  guarded(info.Env(), [&] {
    adapters_ = toAdapters(info[1].As<Napi::Array>(), model_->spec);
    const Napi::Object o = info[2].As<Napi::Object>();
    const std::int32_t context = integer(o, "contextLength");
    if (context < 1) throw Napi::RangeError::New(info.Env(), "contextLength must be at least 1");
    pool_ = std::make_unique<ThreadPool>(toThreads(info[3]));
    const KernelTable& table = toKernels(info[4]);
    session_ = std::make_unique<Session>(*model_, adapters_, SessionOptions{context, boolean(o, "bf16") && table.bf16Products}, *pool_, table);
    driver_ = std::make_unique<Driver>(info.Env(), "qt session");
  });
}

Session& SessionObject::open(Napi::Env env) {
  if (!driver_) throw Napi::Error::New(env, "the session is closed");
  return *session_;
}

// (ids, wanted) → Float32Array of wanted × vocabulary, or null when stopped
Napi::Value SessionObject::append(const Napi::CallbackInfo& info) {
  Session& session = open(info.Env());
  struct Call {
    std::vector<std::int32_t> ids;
    std::vector<float> logits;
    bool finished = false;
  };
  auto call = std::make_shared<Call>();
  call->ids = integers(info[0]);
  const std::int32_t wanted = info[1].ToNumber().Int32Value();
  return driver_->submit(
      info.This().As<Napi::Object>(),
      [this, &session, call, wanted] {
        call->logits.resize(static_cast<std::size_t>(std::max(0, wanted)) * model_->spec.vocabulary);
        call->finished = session.append(call->ids.data(), static_cast<std::int32_t>(call->ids.size()), wanted, call->logits.data(), abort_);
      },
      [call](Napi::Env env) -> Napi::Value {
        if (!call->finished) return env.Null();
        Napi::Float32Array out = Napi::Float32Array::New(env, call->logits.size());
        std::copy(call->logits.begin(), call->logits.end(), out.Data());
        return out;
      });
}

Napi::Value SessionObject::length(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), open(info.Env()).length()); }

void SessionObject::truncate(const Napi::CallbackInfo& info) {
  try {
    open(info.Env()).truncate(info[0].ToNumber().Int32Value());
  } catch (const std::runtime_error& e) {
    throw Napi::RangeError::New(info.Env(), e.what());
  }
}

void SessionObject::setAbort(const Napi::CallbackInfo& info) { abort_.store(info[0].ToBoolean()); }
void SessionObject::close(const Napi::CallbackInfo&) { shut(); }

void SessionObject::shut() {
  abort_.store(true);
  driver_.reset();
  session_.reset();
  pool_.reset();
  model_.reset();
}

}  // namespace qt
