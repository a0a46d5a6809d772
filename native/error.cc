#include "error.h"

#include <c10/util/Exception.h>

#include <new>

namespace e2v {

CodedError from_libtorch(const std::exception& error, const std::string& code) {
  if (const auto* coded = dynamic_cast<const CodedError*>(&error)) {
    return *coded;
  }
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    return {"ERR_OUT_OF_MEMORY", "memory ran out"};
  }
  const auto* libtorch = dynamic_cast<const c10::Error*>(&error);
  std::string message = libtorch != nullptr ? libtorch->what_without_backtrace() : error.what();
  // An error that crossed the TorchScript interpreter carries the stack of the one underneath as text.
  const auto stack = message.find("\nException raised from ");
  if (stack != std::string::npos) {
    message.erase(stack);
  }
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) {
    message.pop_back();
  }
  const bool memory = dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
                      message.find("DefaultCPUAllocator: ") != std::string::npos;
  return {memory ? "ERR_OUT_OF_MEMORY" : code, message};
}

}  // namespace e2v
