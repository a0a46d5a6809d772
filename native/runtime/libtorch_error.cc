#include "runtime/libtorch_error.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <new>
#include <string>

#include "runtime/memory_budget.h"

namespace e2v {

namespace {

// The messages of libtorch and of the libraries under it when memory runs out. They may stand anywhere in a longer
// message.
constexpr std::array OUT_OF_MEMORY{
    "DefaultCPUAllocator: ",       // the C library has none
    "CUDA out of memory",          // libtorch's allocator
    "CUDA error: out of memory",   // a call of CUDA's own
    "CUBLAS_STATUS_ALLOC_FAILED",  // its workspace
    "CUDNN_STATUS_ALLOC_FAILED",
    "could not create a memory object",  // oneDNN
};

// Returns the part of a message that reports a lack of memory; empty if there is none.
std::string memory_message(const std::string& message) {
  size_t begin = find_refusal(message);
  for (const char* text : OUT_OF_MEMORY) {
    begin = std::min(begin, message.find(text));
  }
  if (begin == std::string::npos) {
    return "";
  }
  const size_t line = message.find('\n', begin);
  std::string found = message.substr(begin, line == std::string::npos ? line : line - begin);
  // What follows are hints for the users of libtorch on how to configure its allocator.
  return found.substr(0, found.find(" Of the allocated memory"));
}

}  // namespace

CodedError from_libtorch(const std::exception& error, const std::string& code) {
  if (const auto* coded = dynamic_cast<const CodedError*>(&error)) {
    return *coded;
  }
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    return {"ERR_OUT_OF_MEMORY", "Memory ran out"};
  }
  const auto* libtorch = dynamic_cast<const c10::Error*>(&error);
  std::string message = libtorch != nullptr ? libtorch->what_without_backtrace() : error.what();
  // An error that crossed the TorchScript interpreter contains the C++ stack of the original error as text.
  const auto stack = message.find("\nException raised from ");
  if (stack != std::string::npos) {
    message.erase(stack);
  }
  message.erase(0, message.find_first_not_of(" \n"));
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) {
    message.pop_back();
  }
  if (const std::string memory = memory_message(message); !memory.empty()) {
    return {"ERR_OUT_OF_MEMORY", memory};
  }
  return {dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ? "ERR_OUT_OF_MEMORY" : code, message};
}

CodedError current_error(const std::string& code) {
  try {
    throw;
  } catch (const std::exception& error) {
    return from_libtorch(error, code);
  } catch (...) {
    return {code, "An exception that is not a std::exception was thrown"};
  }
}

}  // namespace e2v
