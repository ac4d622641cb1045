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

namespace qt {

class Driver {
 public:
  using Work = std::function<void()>;
  using Result = std::function<Napi::Value(Napi::Env)>;

  Driver(Napi::Env env, const char* name) {
    done_ = Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}), name, 0, 1);
    done_.Unref(env);
    thread_ = std::thread([this] { loop(); });
  }

  ~Driver() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
    done_.Release();
  }

  // Runs `work` on the thread, then resolves with what `result` makes of it; what `work` throws rejects.
  Napi::Promise submit(Napi::Env env, Work work, Result result) {
    auto task = std::make_unique<Task>(Task{std::move(work), std::move(result), Napi::Promise::Deferred::New(env), {}, this});
    const Napi::Promise promise = task->deferred.Promise();
    if (pending_++ == 0) done_.Ref(env);
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(task));
    }
    wake_.notify_one();
    return promise;
  }

 private:
  struct Task {
    Work work;
    Result result;
    Napi::Promise::Deferred deferred;
    std::string error;
    Driver* driver;
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
      } catch (const std::exception& e) {
        task->error = e.what();
      }
      done_.BlockingCall(task.release(), [](Napi::Env env, Napi::Function, Task* raw) {
        const std::unique_ptr<Task> finished(raw);
        if (static_cast<napi_env>(env) == nullptr) return;
        if (--finished->driver->pending_ == 0) finished->driver->done_.Unref(env);
        if (finished->error.empty()) finished->deferred.Resolve(finished->result(env));
        else finished->deferred.Reject(Napi::Error::New(env, finished->error).Value());
      });
    }
  }

  Napi::ThreadSafeFunction done_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Task>> queue_;
  bool stop_ = false;
  int pending_ = 0;  // touched on JavaScript's thread only
};

}  // namespace qt
