// The only file that includes node-addon-api, so that every file sees the same Node-API version and error policy.
#pragma once

#include <napi.h>

#if !defined(NAPI_VERSION) || NAPI_VERSION != 8
#error "NAPI_VERSION must be 8: it is set by CMakeLists.txt"
#endif
