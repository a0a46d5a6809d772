// libcuda.so.1 for machines without a GPU: the part of NVIDIA's driver API that reports devices. Each call reads its
// results from the environment: FAKE_CUDA_INIT, FAKE_CUDA_WAKES_AFTER, FAKE_CUDA_DRIVER, FAKE_CUDA_DEVICES,
// FAKE_CUDA_MEMORY, FAKE_CUDA_CAPABILITY, FAKE_CUDA_NAME (described in test/support/fake-cuda.ts).

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum { SUCCESS = 0, INVALID_VALUE = 1, NOT_INITIALIZED = 3, INVALID_DEVICE = 101 };
enum { CAPABILITY_MAJOR = 75, CAPABILITY_MINOR = 76 };  // values of CUdevice_attribute

typedef struct {
  unsigned char bytes[16];
} Uuid;

static const struct {
  int code;
  const char* name;
  const char* text;
} ERRORS[] = {
    {SUCCESS, "CUDA_SUCCESS", "no error"},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {34, "CUDA_ERROR_STUB_LIBRARY", "CUDA driver is a stub library"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {802, "CUDA_ERROR_SYSTEM_NOT_READY", "system not yet initialized"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
    {804, "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE", "forward compatibility was attempted on non supported HW"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

static int initialized = 0;

static const char* setting(const char* name, const char* otherwise) {
  const char* value = getenv(name);
  return value == NULL || *value == '\0' ? otherwise : value;
}

static int device_count(void) { return atoi(setting("FAKE_CUDA_DEVICES", "1")); }

static int check(int device) {
  if (!initialized) {
    return NOT_INITIALIZED;
  }
  return device >= 0 && device < device_count() ? SUCCESS : INVALID_DEVICE;
}

EXPORT int cuInit(unsigned flags) {
  (void)flags;
  sleep((unsigned)atoi(setting("FAKE_CUDA_WAKES_AFTER", "0")));
  const int result = atoi(setting("FAKE_CUDA_INIT", device_count() > 0 ? "0" : "100"));
  initialized = result == SUCCESS;
  return result;
}

// Works without cuInit and without a device.
EXPORT int cuDriverGetVersion(int* version) {
  *version = atoi(setting("FAKE_CUDA_DRIVER", "13000"));
  return SUCCESS;
}

EXPORT int cuDeviceGetCount(int* count) {
  *count = device_count();
  return initialized ? SUCCESS : NOT_INITIALIZED;
}

EXPORT int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return check(ordinal);
}

EXPORT int cuDeviceGetName(char* name, int length, int device) {
  snprintf(name, (size_t)length, "%s", setting("FAKE_CUDA_NAME", "NVIDIA Fake GPU"));
  return check(device);
}

EXPORT int cuDeviceGetAttribute(int* value, int attribute, int device) {
  int major = 0, minor = 0;
  sscanf(setting("FAKE_CUDA_CAPABILITY", "9.0"), "%d.%d", &major, &minor);
  if (attribute != CAPABILITY_MAJOR && attribute != CAPABILITY_MINOR) {
    return INVALID_VALUE;
  }
  *value = attribute == CAPABILITY_MAJOR ? major : minor;
  return check(device);
}

EXPORT int cuDeviceTotalMem_v2(size_t* bytes, int device) {
  *bytes = strtoull(setting("FAKE_CUDA_MEMORY", "8589934592"), NULL, 10);
  return check(device);
}

// The last byte is the number of the device; NVML (nvml.c) finds the same device by it.
EXPORT int cuDeviceGetUuid_v2(Uuid* uuid, int device) {
  memset(uuid, 0xfa, sizeof *uuid);
  uuid->bytes[15] = (unsigned char)device;
  return check(device);
}

EXPORT int cuDeviceGetUuid(Uuid* uuid, int device) { return cuDeviceGetUuid_v2(uuid, device); }

EXPORT int cuDeviceGetPCIBusId(char* id, int length, int device) {
  snprintf(id, (size_t)length, "0000:%02X:00.0", (unsigned)device + 1);
  return check(device);
}

static int describe(int code, const char** text, int by_name) {
  for (size_t i = 0; i < sizeof ERRORS / sizeof *ERRORS; ++i) {
    if (ERRORS[i].code == code) {
      *text = by_name ? ERRORS[i].name : ERRORS[i].text;
      return SUCCESS;
    }
  }
  *text = NULL;
  return INVALID_VALUE;
}

EXPORT int cuGetErrorName(int code, const char** name) { return describe(code, name, 1); }
EXPORT int cuGetErrorString(int code, const char** text) { return describe(code, text, 0); }
