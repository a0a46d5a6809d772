// The state of the addon for one JavaScript environment (the main thread or a worker_thread), and the way in which work
// on the native queues settles a promise there.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "binding/napi_setup.h"
#include "system/error.h"
#include "system/task_queue.h"

namespace e2v {

class Environment {
 public:
  // Creates the value of the promise. Runs on the JavaScript thread; may throw Napi::Error or anything that Work may
  // throw.
  using Settle = std::function<Napi::Value(Napi::Env)>;
  // Runs on a thread of the queue; may throw anything (libtorch_error.h). It must not use anything of Node.
  using Work = std::function<Settle()>;

  explicit Environment(Napi::Env env);

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  // Returns a promise for `work`, which runs on `queue` with `weight` (task_queue.h). It keeps the process alive until
  // it settles. If `ticket` is an object, it gets the property `id` at once, for cancel(), and just before the promise
  // settles `waitMs` and `runMs`: the time that the work was queued, and the time that it ran, including the wait for a
  // module that was in use.
  Napi::Promise run(Napi::Env env, TaskQueue& queue, int weight, Work work, Napi::Value ticket = {});

  // Cancels the work with that ticket id: its promise rejects with ERR_CANCELLED. Returns true if the work had not
  // started; then everything that it held is freed. Work that is running continues, but nothing waits for it, and the
  // process may end.
  bool cancel(Napi::Env env, uint64_t id);

  Napi::FunctionReference module_constructor;

 private:
  struct Pending {
    Napi::Promise::Deferred deferred;
    TaskQueue* queue;
    TaskQueue::Id task;
    Napi::ObjectReference ticket;  // may be empty
  };
  struct Outcome {
    uint64_t id;
    Settle settle;
    std::optional<CodedError> error;
    std::chrono::duration<double, std::milli> waited, ran;
  };
  static void on_outcome(Napi::Env env, Napi::Function, Environment* self, Outcome* outcome);
  using Channel = Napi::TypedThreadSafeFunction<Environment, Outcome, on_outcome>;

  Pending take(Napi::Env env, uint64_t id);
  void leave();

  // Shared with every task that is running: the environment may be gone (a terminated worker) when the task ends.
  struct Mailbox {
    std::mutex mutex;
    bool open = true;
    Channel channel;
    void post(std::unique_ptr<Outcome> outcome);
    void close();
  };

  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::unordered_map<uint64_t, Pending> pending_;
  uint64_t next_id_ = 1;
};

// Creates a JavaScript Error with `code`, and with `kind` if there is one; or a TypeError for MISUSE.
Napi::Error to_js_error(Napi::Env env, const CodedError& error);

}  // namespace e2v
