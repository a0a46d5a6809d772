#include "environment.h"

#include <atomic>
#include <utility>

namespace e2v {

namespace {
std::atomic<int> live_environments{0};
}  // namespace

Environment::Environment(Napi::Env env) {
  mailbox_->channel = Channel::New(env, "emotion2vec", 0, 1, this);
  mailbox_->channel.Unref(env);
  // Hooks run last in, first out: this one closes the mailbox before Node frees the thread-safe function under it.
  ++live_environments;
  env.AddCleanupHook([mailbox = mailbox_.get()] {
    mailbox->close();
    if (--live_environments == 0) {
      // Where only worker_threads used the addon, this is the last that is heard before the process exits.
      run_queue().drain();
      load_queue().drain();
    }
  });
}

void Environment::Mailbox::post(std::unique_ptr<Outcome> outcome) {
  const std::lock_guard lock(mutex);
  if (open && channel.NonBlockingCall(outcome.get()) == napi_ok) {
    static_cast<void>(outcome.release());  // on_outcome owns it now
  }
}

void Environment::Mailbox::close() {
  const std::lock_guard lock(mutex);
  open = false;
}

Napi::Promise Environment::run(Napi::Env env, TaskQueue& queue, Work work) {
  const uint64_t id = next_id_++;
  const auto deferred = Napi::Promise::Deferred::New(env);
  if (pending_.empty()) {
    mailbox_->channel.Ref(env);
  }
  pending_.emplace(id, deferred);
  queue.push([id, mailbox = mailbox_, work = std::move(work)]() mutable {
    auto outcome = std::make_unique<Outcome>();
    outcome->id = id;
    try {
      outcome->settle = work();
    } catch (const CodedError& error) {
      outcome->error = error;
    } catch (const std::exception& error) {
      outcome->error = from_libtorch(error, "ERR_MODEL_RUN");
    }
    work = nullptr;  // the inputs are freed here, not whenever JavaScript comes round to it
    mailbox->post(std::move(outcome));
  });
  return deferred.Promise();
}

void Environment::on_outcome(Napi::Env env, Napi::Function, Environment* self, Outcome* raw) {
  const std::unique_ptr<Outcome> outcome(raw);
  if (env == nullptr) {  // the environment is being torn down: nobody waits any more
    return;
  }
  auto node = self->pending_.extract(outcome->id);
  if (self->pending_.empty()) {
    self->mailbox_->channel.Unref(env);
  }
  const Napi::Promise::Deferred& deferred = node.mapped();
  if (outcome->error) {
    deferred.Reject(to_js_error(env, *outcome->error).Value());
    return;
  }
  try {
    deferred.Resolve(outcome->settle(env));
  } catch (const Napi::Error& error) {
    deferred.Reject(error.Value());
  }
}

Napi::Error to_js_error(Napi::Env env, const CodedError& error) {
  Napi::Error result = Napi::Error::New(env, error.what());
  result.Set("code", error.code());
  return result;
}

}  // namespace e2v
