#include <cstring>

#include "convert.hpp"
#include "objects.hpp"

namespace qt {

Napi::Function CommunicatorObject::define(Napi::Env env) {
  return DefineClass(env, "Communicator",
                     {InstanceMethod<&CommunicatorObject::open>("open"), InstanceMethod<&CommunicatorObject::allGather>("allGather"),
                      InstanceMethod<&CommunicatorObject::broadcast>("broadcast"), InstanceMethod<&CommunicatorObject::failure>("failure"),
                      InstanceMethod<&CommunicatorObject::onFailure>("onFailure"), InstanceMethod<&CommunicatorObject::fail>("fail"),
                      InstanceMethod<&CommunicatorObject::leave>("leave"), InstanceMethod<&CommunicatorObject::close>("close")});
}

namespace {

Napi::Uint8Array toBytes(Napi::Env env, const std::vector<unsigned char>& bytes) {
  Napi::Uint8Array out = Napi::Uint8Array::New(env, bytes.size());
  if (!bytes.empty()) std::memcpy(out.Data(), bytes.data(), bytes.size());
  return out;
}

std::vector<unsigned char> bytesOf(const Napi::Value& v) {
  if (!v.IsTypedArray() || v.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) throw Napi::TypeError::New(v.Env(), "a Uint8Array is expected");
  const auto from = v.As<Napi::Uint8Array>();
  return {from.Data(), from.Data() + from.ElementLength()};
}

}  // namespace

// new Communicator({ kind: 'mpi' | 'tcp', rank, size, host, port, sharedMemory, key, patience })
CommunicatorObject::CommunicatorObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<CommunicatorObject>(info) {
  const Napi::Object o = info[0].As<Napi::Object>();
  address_.kind = text(o, "kind") == "mpi" ? JobAddress::Kind::Mpi : JobAddress::Kind::Tcp;
  address_.member.rank = integer(o, "rank");
  address_.member.size = integer(o, "size");
  address_.member.patience = std::chrono::milliseconds(static_cast<std::int64_t>(number(o, "patience") * 1000));
  const std::vector<unsigned char> key = bytesOf(o.Get("key"));
  if (key.size() != address_.member.key.size() || address_.member.size < 1 || address_.member.rank < 0 || address_.member.rank >= address_.member.size)
    throw Napi::RangeError::New(info.Env(), "a job needs a key of 32 bytes and ranks below its size");
  std::copy(key.begin(), key.end(), address_.member.key.begin());
  address_.host = text(o, "host");
  address_.port = static_cast<std::uint16_t>(integer(o, "port"));
  address_.sharedMemory = boolean(o, "sharedMemory");
  driver_ = std::make_unique<Driver>(info.Env(), "qt job");
}

std::shared_ptr<Communicator> CommunicatorObject::communicator(Napi::Env env) const {
  if (!communicator_) throw Napi::Error::New(env, "the job is not open");
  return communicator_;
}

// → { rank, size }, when all processes are there
Napi::Value CommunicatorObject::open(const Napi::CallbackInfo& info) {
  if (!driver_) throw Napi::Error::New(info.Env(), "the job is closed");
  auto place = std::make_shared<std::pair<int, int>>();
  return driver_->submit(
      info.This().As<Napi::Object>(),
      [this, place] {
        communicator_ = std::make_shared<Communicator>(address_, [this] { return stop_.load(); });
        *place = {communicator_->rank(), communicator_->size()};
      },
      // It may have been closed in the meantime.
      [place](Napi::Env env) -> Napi::Value {
        Napi::Object o = Napi::Object::New(env);
        o.Set("rank", place->first);
        o.Set("size", place->second);
        return o;
      });
}

// (Uint8Array) → everybody's, by rank
Napi::Value CommunicatorObject::allGather(const Napi::CallbackInfo& info) {
  struct Call {
    std::vector<unsigned char> mine;
    std::vector<std::vector<unsigned char>> all;
  };
  auto call = std::make_shared<Call>(Call{bytesOf(info[0]), {}});
  const auto all = communicator(info.Env());
  return driver_->submit(
      info.This().As<Napi::Object>(), [all, call] { all->run([&] { call->all = all->allGather(call->mine); }); },
      [call](Napi::Env env) -> Napi::Value {
        Napi::Array list = Napi::Array::New(env);
        for (const auto& one : call->all) list.Set(list.Length(), toBytes(env, one));
        return list;
      });
}

// (Uint8Array) → that of rank 0
Napi::Value CommunicatorObject::broadcast(const Napi::CallbackInfo& info) {
  auto bytes = std::make_shared<std::vector<unsigned char>>(bytesOf(info[0]));
  const auto all = communicator(info.Env());
  return driver_->submit(
      info.This().As<Napi::Object>(),
      [all, bytes] {
        all->run([&] {
          std::uint64_t size = bytes->size();
          all->broadcast(&size, sizeof size);
          bytes->resize(size);
          all->broadcast(bytes->data(), bytes->size());
        });
      },
      [bytes](Napi::Env env) -> Napi::Value { return toBytes(env, *bytes); });
}

// → { rank, why, spoke } or null
Napi::Value CommunicatorObject::failure(const Napi::CallbackInfo& info) {
  const auto found = communicator_ ? communicator_->failure() : std::nullopt;
  if (!found) return info.Env().Null();
  Napi::Object o = Napi::Object::New(info.Env());
  o.Set("rank", found->rank);
  o.Set("why", found->why);
  o.Set("spoke", found->spoke);
  return o;
}

// (() => void): once, when the job has failed
void CommunicatorObject::onFailure(const Napi::CallbackInfo& info) {
  const auto all = communicator(info.Env());
  failed_ = Napi::ThreadSafeFunction::New(info.Env(), info[0].As<Napi::Function>(), "qt job failed", 0, 1);
  failed_.Unref(info.Env());
  listens_ = true;
  all->onFailure([failed = failed_] {
    failed.NonBlockingCall([](Napi::Env env, Napi::Function called) {
      if (static_cast<napi_env>(env) == nullptr) return;
      try {
        called.Call({});
      } catch (const Napi::Error&) {  // the process is ending, and runs no JavaScript any more
      }
    });
  });
}

void CommunicatorObject::fail(const Napi::CallbackInfo& info) {
  if (communicator_) communicator_->fail(info[0].ToString().Utf8Value());
}
void CommunicatorObject::leave(const Napi::CallbackInfo&) {
  if (communicator_) communicator_->leave();
}
void CommunicatorObject::close(const Napi::CallbackInfo&) { shut(); }

void CommunicatorObject::shut() {
  stop_.store(true);
  driver_.reset();
  communicator_.reset();
  if (listens_) failed_.Release();
  listens_ = false;
}

}  // namespace qt
