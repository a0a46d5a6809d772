#include "runtime/libtorch_error.h"

#include <c10/util/Exception.h>

#include <string>
#include <algorithm>
#include <array>
#include <new>

#include "runtime/memory_budget.h"

namespace e2v {

namespace {

// What libtorch and the libraries under it say when memory runs out, wherever in a longer message.
constexpr std::array OUT_OF_MEMORY{
    "DefaultCPUAllocator: ",       // the C library has none
    "CUDA out of memory",          // libtorch's allocator
    "CUDA error: out of memory",   // a call of CUDA's own
    "CUBLAS_STATUS_ALLOC_FAILED",  // its workspace
    "CUDNN_STATUS_ALLOC_FAILED",
    "could not create a memory object",  // oneDNN
};

// The sentence that tells of memory; empty where none does.
std::string memory_message(const std::string& message) {
  size_t begin = find_refusal(message);
  for (const char* words : OUT_OF_MEMORY) {
    begin = std::min(begin, message.find(words));
  }
  if (begin == std::string::npos) {
    return "";
  }
  const size_t line = message.find('\n', begin);
  std::string found = message.substr(begin, line == std::string::npos ? line : line - begin);
  // libtorch goes on with how its users set its allocator.
  return found.substr(0, found.find(" Of the allocated memory"));
}

}  // namespace

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
    return {code, "an exception that is no std::exception"};
  }
}

}  // namespace e2v
