// What JavaScript holds: a model, a trainer of it, a session with it, and a job of several processes.
#pragma once
#include <atomic>
#include <memory>

#include <napi.h>

#include "driver.hpp"
#include "generate/session.hpp"
#include "model/model.hpp"
#include "parallel/communicator.hpp"
#include "parallel/data_parallel.hpp"
#include "train/trainer.hpp"

namespace qt {

class ModelObject : public Napi::ObjectWrap<ModelObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ModelObject(const Napi::CallbackInfo& info);
  std::shared_ptr<const Model> model() const { return model_; }

 private:
  Napi::Value weightBytes(const Napi::CallbackInfo& info);
  std::shared_ptr<const Model> model_;
};

class CommunicatorObject : public Napi::ObjectWrap<CommunicatorObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit CommunicatorObject(const Napi::CallbackInfo& info);
  ~CommunicatorObject() override { shut(); }
  std::shared_ptr<Communicator> communicator(Napi::Env env) const;

 private:
  Napi::Value open(const Napi::CallbackInfo& info);
  Napi::Value allGather(const Napi::CallbackInfo& info);
  Napi::Value broadcast(const Napi::CallbackInfo& info);
  Napi::Value failure(const Napi::CallbackInfo& info);
  void onFailure(const Napi::CallbackInfo& info);
  void fail(const Napi::CallbackInfo& info);
  void leave(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  void shut();

  JobAddress address_;
  std::shared_ptr<Communicator> communicator_;
  Napi::ThreadSafeFunction failed_;
  bool listens_ = false;
  std::atomic<bool> stop_{false};
  std::unique_ptr<Driver> driver_;
};

class TrainerObject : public Napi::ObjectWrap<TrainerObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit TrainerObject(const Napi::CallbackInfo& info);
  ~TrainerObject() override { shut(); }

 private:
  Napi::Value tensors(const Napi::CallbackInfo& info);
  Napi::Value forwardBackward(const Napi::CallbackInfo& info);
  Napi::Value evaluate(const Napi::CallbackInfo& info);
  Napi::Value update(const Napi::CallbackInfo& info);
  void begin(const Napi::CallbackInfo& info);
  Napi::Value attend(const Napi::CallbackInfo& info);
  Napi::Value exchange(const Napi::CallbackInfo& info);
  Napi::Value lack(const Napi::CallbackInfo& info);
  Napi::Value deviceMemory(const Napi::CallbackInfo& info);
  Napi::Value gatherState(const Napi::CallbackInfo& info);
  Napi::Value gatherTensor(const Napi::CallbackInfo& info);
  Napi::Value shareParameters(const Napi::CallbackInfo& info);
  Napi::Value read(const Napi::CallbackInfo& info);
  void write(const Napi::CallbackInfo& info);
  Napi::Value readState(const Napi::CallbackInfo& info);
  void writeState(const Napi::CallbackInfo& info);
  void initialise(const Napi::CallbackInfo& info);
  void startMagnitudes(const Napi::CallbackInfo& info);
  Napi::Value startPrincipal(const Napi::CallbackInfo& info);
  Napi::Value origins(const Napi::CallbackInfo& info);
  void zeroGradients(const Napi::CallbackInfo& info);
  void setAbort(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  void shut();
  Trainer& open(Napi::Env env);
  Napi::Value pass(const Napi::CallbackInfo& info, bool gradients);
  void requireDevice(Napi::Env env);
  std::span<unsigned char> stateRegion(const Napi::CallbackInfo& info, std::size_t count);

  std::shared_ptr<const Model> model_;
  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<DataParallel> shared_;  // where several processes take a step, or its sums are in the strict order
  std::atomic<bool> abort_{false};
  std::unique_ptr<Driver> driver_;
};

class SessionObject : public Napi::ObjectWrap<SessionObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit SessionObject(const Napi::CallbackInfo& info);
  ~SessionObject() override { shut(); }

 private:
  // What one pass works on: held until its promise settles, whatever JavaScript drops meanwhile.
  struct Sequence {
    std::shared_ptr<KvCache> cache;
    std::shared_ptr<const AdapterSet> adapters;
  };

  Napi::Value addCache(const Napi::CallbackInfo& info);
  void dropCache(const Napi::CallbackInfo& info);
  Napi::Value addAdapters(const Napi::CallbackInfo& info);
  Napi::Value length(const Napi::CallbackInfo& info);
  void truncate(const Napi::CallbackInfo& info);
  Napi::Value withoutRoom(const Napi::CallbackInfo& info);
  Napi::Value append(const Napi::CallbackInfo& info);
  Napi::Value decode(const Napi::CallbackInfo& info);
  Napi::Value score(const Napi::CallbackInfo& info);
  Napi::Value judge(const Napi::CallbackInfo& info);
  Napi::Value mostTogether(const Napi::CallbackInfo& info);
  Napi::Value meanState(const Napi::CallbackInfo& info);
  Napi::Value collect(const Napi::CallbackInfo& info);
  void setAbort(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  void shut();
  Session& open(Napi::Env env);
  std::shared_ptr<KvCache> cache(Napi::Env env, std::int32_t id);
  std::shared_ptr<const AdapterSet> adapters(Napi::Env env, std::int32_t id);
  Sequence sequence(Napi::Env env, std::int32_t cache, std::int32_t adapters);
  template <class Count, class Pass>
  Napi::Value numbers(const Napi::CallbackInfo& info, Count count, Pass pass);

  std::shared_ptr<const Model> model_;
  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<Session> session_;
  std::vector<std::shared_ptr<KvCache>> caches_;
  std::vector<std::shared_ptr<const AdapterSet>> adapters_;  // the first is none
  std::atomic<bool> abort_{false};
  std::unique_ptr<Driver> driver_;
};

}  // namespace qt
