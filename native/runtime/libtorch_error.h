// Translation of the exceptions that libtorch throws into errors with a code.
#pragma once

#include <exception>
#include <string>

#include "system/error.h"

namespace e2v {

// Turns an exception into a CodedError. The code is `code`, or ERR_OUT_OF_MEMORY where memory ran out. The message
// loses the C++ stack. It keeps TorchScript's traceback, which shows the author of a model where it failed.
CodedError from_libtorch(const std::exception& error, const std::string& code);

// Does the same for the exception that is being caught, of whichever type. Only for `catch (...)`.
CodedError current_error(const std::string& code);

}  // namespace e2v
