// What goes wrong in native code, with the code that JavaScript sees (lib/errors.ts has the table).
#pragma once

#include <exception>
#include <stdexcept>
#include <string>

namespace e2v {

class CodedError : public std::runtime_error {
 public:
  CodedError(std::string code, const std::string& what) : std::runtime_error(what), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

// The code of what is a TypeError in JavaScript: a value that does not fit, with no code of ours.
constexpr const char* MISUSE = "TypeError";

// Turns whatever libtorch threw into a CodedError: `code`, unless it was memory that ran out. The message loses the C++
// stack, and keeps TorchScript's own traceback, which tells a model's author where his model failed.
CodedError from_libtorch(const std::exception& error, const std::string& code);

// The same of the exception that is being caught, of whichever type: for `catch (...)`.
CodedError current_error(const std::string& code);

}  // namespace e2v
