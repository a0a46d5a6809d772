#include "binding/environment.h"

#include <atomic>
#include <memory>
#include <system_error>
#include <utility>

#include "runtime/libtorch_error.h"
#include "system/shutdown.h"

namespace e2v {

namespace {

using Clock = std::chrono::steady_clock;

std::atomic<int> live_environments{0};

}  // namespace

Environment::Environment(Napi::Env env) {
  mailbox_->channel = Channel::New(env, "emotion2vec", 0, 1, this);
  mailbox_->channel.Unref(env);
  // Cleanup hooks run in reverse order: this one closes the mailbox before Node frees the thread-safe function that it
  // uses.
  ++live_environments;
  env.AddCleanupHook([this] {
    try {
      leave();
    } catch (...) {  // an exception from a hook would end the process
    }
  });
}

void Environment::leave() {
  mailbox_->close();
  for (const auto& [id, pending] : pending_) {
    pending.queue->cancel(pending.task);  // nothing waits for it any more
  }
  if (--live_environments == 0) {
    drain_queues();  // if only worker_threads used the addon, there is no exit event
  }
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

Napi::Promise Environment::run(Napi::Env env, TaskQueue& queue, int weight, Work work, Napi::Value ticket) {
  const uint64_t id = next_id_++;
  const auto queued = Clock::now();
  const auto outcome = std::make_shared<Outcome>();
  outcome->id = id;
  TaskQueue::Task task = [queued, outcome, work = std::move(work)]() mutable {
    const auto started = Clock::now();
    outcome->waited = started - queued;
    try {
      outcome->settle = work();
    } catch (...) {
      outcome->error = current_error("ERR_MODEL_RUN");
    }
    outcome->ran = Clock::now() - started;
    work = nullptr;  // frees the inputs here instead of when JavaScript processes the outcome
  };
  TaskQueue::Task post = [mailbox = mailbox_, outcome] {
    mailbox->post(std::make_unique<Outcome>(std::move(*outcome)));
  };
  Pending pending{Napi::Promise::Deferred::New(env), &queue, 0, {}};
  const Napi::Promise promise = pending.deferred.Promise();
  if (ticket.IsObject()) {
    ticket.As<Napi::Object>().Set("id", static_cast<double>(id));
    pending.ticket = Napi::Persistent(ticket.As<Napi::Object>());
  }
  try {
    pending.task = queue.push(std::move(task), weight, std::move(post));
  } catch (const std::system_error& error) {
    pending.deferred.Reject(to_js_error(env, {"ERR_OUT_OF_MEMORY", error.what()}).Value());
    return promise;
  }
  if (pending_.empty()) {
    mailbox_->channel.Ref(env);
  }
  pending_.emplace(id, std::move(pending));
  return promise;
}

bool Environment::cancel(Napi::Env env, uint64_t id) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) {
    return false;
  }
  const bool waited = found->second.queue->cancel(found->second.task);
  // A promise that never settles would be kept forever, together with everything that waits for it.
  take(env, id).deferred.Reject(to_js_error(env, {"ERR_CANCELLED", "The call was cancelled"}).Value());
  return waited;
}

// Removes work that is settled. Other pending work, if any, keeps the process alive.
Environment::Pending Environment::take(Napi::Env env, uint64_t id) {
  Pending pending = std::move(pending_.extract(id).mapped());
  if (pending_.empty()) {
    mailbox_->channel.Unref(env);
  }
  return pending;
}

void Environment::on_outcome(Napi::Env env, Napi::Function, Environment* self, Outcome* raw) {
  const std::unique_ptr<Outcome> outcome(raw);
  if (env == nullptr) {  // the environment is being torn down: nothing waits any more
    return;
  }
  if (!self->pending_.contains(outcome->id)) {  // cancelled
    return;
  }
  const Pending pending = self->take(env, outcome->id);
  try {
    if (!pending.ticket.IsEmpty()) {
      Napi::Object ticket = pending.ticket.Value();
      ticket.Set("waitMs", outcome->waited.count());
      ticket.Set("runMs", outcome->ran.count());
    }
    if (outcome->error) {
      pending.deferred.Reject(to_js_error(env, *outcome->error).Value());
    } else {
      pending.deferred.Resolve(outcome->settle(env));
    }
  } catch (const Napi::Error& error) {
    pending.deferred.Reject(error.Value());
  } catch (...) {
    pending.deferred.Reject(to_js_error(env, current_error("ERR_MODEL_RUN")).Value());
  }
}

Napi::Error to_js_error(Napi::Env env, const CodedError& error) {
  if (error.code() == MISUSE) {
    return Napi::TypeError::New(env, error.what());
  }
  Napi::Error result = Napi::Error::New(env, error.what());
  result.Set("code", error.code());
  if (!error.kind().empty()) {
    result.Set("kind", error.kind());
  }
  return result;
}

}  // namespace e2v
