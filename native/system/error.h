// Errors of native code, with the code that JavaScript sees (lib/shared/errors.ts has the table).
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace e2v {

class CodedError : public std::runtime_error {
 public:
  // `kind` distinguishes errors of one code that have remedies of their own; it is a property of the JavaScript error.
  CodedError(std::string code, const std::string& what, std::string kind = "")
      : std::runtime_error(what), code_(std::move(code)), kind_(std::move(kind)) {}
  const std::string& code() const { return code_; }
  const std::string& kind() const { return kind_; }

 private:
  std::string code_, kind_;
};

// The code of an error that becomes a TypeError in JavaScript and has no code there: a value does not fit.
constexpr const char* MISUSE = "TypeError";

}  // namespace e2v
