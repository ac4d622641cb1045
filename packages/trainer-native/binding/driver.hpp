// One thread that runs an object's work in order, away from JavaScript's; results come back as promises.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <napi.h>

#include "errors.hpp"

namespace qt {

class Driver {
 public:
  using Work = std::function<void()>;
  using Result = std::function<Napi::Value(Napi::Env)>;

  Driver(Napi::Env env, const char* name) : state_(std::make_shared<State>()) {
    state_->done = Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}), name, 0, 1);
    state_->done.Unref(env);
    thread_ = std::thread([this] { loop(); });
  }

  // Waits for the work at hand, whose promise still settles; what was waiting is rejected. On JavaScript's thread.
  ~Driver() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
    for (const auto& task : queue_) {
      const Napi::Env env = task->deferred.Env();
      const Napi::HandleScope scope(env);
      task->deferred.Reject(Napi::Error::New(env, "closed before this work began").Value());
      state_->settled(env);
    }
    state_->done.Release();
  }

  // Runs `work` on the thread, then resolves with what `result` makes of it; what `work` throws rejects. `owner` is the
  // JavaScript object that the work belongs to: it is not collected before the work is done.
  Napi::Promise submit(const Napi::Object& owner, Work work, Result result) {
    const Napi::Env env = owner.Env();
    auto task = std::make_unique<Task>(
        Task{std::move(work), std::move(result), Napi::Promise::Deferred::New(env), {}, Napi::Persistent(owner), state_});
    const Napi::Promise promise = task->deferred.Promise();
    if (state_->pending++ == 0) state_->done.Ref(env);
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(task));
    }
    wake_.notify_one();
    return promise;
  }

 private:
  // Outlives the driver as long as a result is on its way.
  struct State {
    Napi::ThreadSafeFunction done;
    int pending = 0;  // touched on JavaScript's thread only
    void settled(Napi::Env env) {
      if (--pending == 0) done.Unref(env);
    }
  };

  struct Task {
    Work work;
    Result result;
    Napi::Promise::Deferred deferred;
    std::string error;
    Napi::ObjectReference owner;
    std::shared_ptr<State> state;
    NewError newError = plainError;
  };

  void loop() {
    for (;;) {
      std::unique_ptr<Task> task;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return stop_ || !queue_.empty(); });
        if (stop_) return;
        task = std::move(queue_.front());
        queue_.pop_front();
      }
      try {
        task->work();
      } catch (const OutOfMemory& e) {
        task->error = e.what();
        task->newError = outOfMemory;
      } catch (const TransportError& e) {
        task->error = e.what();
        task->newError = transportError;
      } catch (const std::exception& e) {
        task->error = e.what();
      }
      state_->done.BlockingCall(task.release(), [](Napi::Env env, Napi::Function, Task* raw) {
        const std::unique_ptr<Task> finished(raw);
        if (static_cast<napi_env>(env) == nullptr) {  // the process is ending
          finished->owner.SuppressDestruct();
          return;
        }
        finished->state->settled(env);
        if (finished->error.empty()) finished->deferred.Resolve(finished->result(env));
        else finished->deferred.Reject(finished->newError(env, finished->error).Value());
      });
    }
  }

  std::shared_ptr<State> state_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Task>> queue_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace qt
