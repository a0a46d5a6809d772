// Errors of native code, with the code that JavaScript sees (lib/errors.ts has the table).
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace e2v {

class CodedError : public std::runtime_error {
 public:
  CodedError(std::string code, const std::string& what) : std::runtime_error(what), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

// The code of an error that becomes a TypeError in JavaScript and has no code there: a value does not fit.
constexpr const char* MISUSE = "TypeError";

}  // namespace e2v
