// libnvidia-ml.so.1 for machines without a GPU: the part of NVIDIA's management library that reports how much memory is
// free. It knows the devices of driver.c by their UUIDs and bus ids. Environment: FAKE_CUDA_DEVICES, FAKE_CUDA_MEMORY,
// and FAKE_CUDA_FREE, the memory that other processes leave.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7 };

typedef void* Device;

typedef struct {
  unsigned long long total, free, used;
} Memory;

static int users = 0;
static char handles[256];  // the handle of a device is an address in it

static const char* setting(const char* name, const char* otherwise) {
  const char* value = getenv(name);
  return value == NULL || *value == '\0' ? otherwise : value;
}

static int find(unsigned device, Device* handle) {
  if (users == 0) {
    return UNINITIALIZED;
  }
  if (device >= sizeof handles || (int)device >= atoi(setting("FAKE_CUDA_DEVICES", "1"))) {
    return NOT_FOUND;
  }
  *handle = &handles[device];
  return SUCCESS;
}

EXPORT int nvmlInit_v2(void) {
  ++users;
  return SUCCESS;
}

EXPORT int nvmlShutdown(void) {
  if (users == 0) {
    return UNINITIALIZED;
  }
  --users;
  return SUCCESS;
}

EXPORT const char* nvmlErrorString(int code) {
  switch (code) {
    case SUCCESS:
      return "Success";
    case UNINITIALIZED:
      return "Uninitialized";
    case INVALID_ARGUMENT:
      return "Invalid Argument";
    case NOT_FOUND:
      return "Not Found";
    case INSUFFICIENT_SIZE:
      return "Insufficient Size";
    default:
      return "Unknown Error";
  }
}

EXPORT int nvmlSystemGetDriverVersion(char* version, unsigned length) {
  static const char VERSION[] = "580.65.06";
  if (users == 0) {
    return UNINITIALIZED;
  }
  if (length < sizeof VERSION) {
    return INSUFFICIENT_SIZE;
  }
  memcpy(version, VERSION, sizeof VERSION);
  return SUCCESS;
}

EXPORT int nvmlDeviceGetHandleByUUID(const char* uuid, Device* handle) {
  unsigned device = 0;
  if (sscanf(uuid, "GPU-fafafafa-fafa-fafa-fafa-fafafafafa%2x", &device) != 1) {
    return users == 0 ? UNINITIALIZED : NOT_FOUND;
  }
  return find(device, handle);
}

EXPORT int nvmlDeviceGetHandleByPciBusId_v2(const char* id, Device* handle) {
  unsigned domain = 0, bus = 0;
  if (sscanf(id, "%x:%x:00.0", &domain, &bus) != 2) {
    return users == 0 ? UNINITIALIZED : NOT_FOUND;
  }
  return find(bus - 1, handle);
}

EXPORT int nvmlDeviceGetMemoryInfo(Device handle, Memory* memory) {
  if (users == 0) {
    return UNINITIALIZED;
  }
  if ((char*)handle < handles || (char*)handle >= handles + sizeof handles) {
    return INVALID_ARGUMENT;
  }
  const char* total = setting("FAKE_CUDA_MEMORY", "8589934592");
  memory->total = strtoull(total, NULL, 10);
  memory->free = strtoull(setting("FAKE_CUDA_FREE", total), NULL, 10);
  memory->used = memory->total - memory->free;
  return SUCCESS;
}
