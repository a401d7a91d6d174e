/** The CUDA driver API, as far as launchers need it, for an emulated device. Everything is done when its call returns. */
#include "driver.h"

#include <cstdint>
#include <cstring>
#include <ctime>
#include <mutex>

#include "global-memory.h"
#include "modules.h"
#include "tensor-map.h"
#include "threads.h"

using namespace emulation;

namespace {
using Pointer = unsigned long long;
constexpr int success = 0, invalid_value = 1, out_of_memory = 2, invalid_device = 101, not_found = 500;

/** One launch at a time. */
std::mutex running;
char context;

struct Event {
  timespec time;
};

unsigned char* at(Pointer pointer) { return reinterpret_cast<unsigned char*>(pointer); }

int device_attribute(int attribute) {
  switch (attribute) {
    case 1: return 1024;                       // threads of a block
    case 2: case 3: return 1024;               // x, y of a block
    case 4: return 64;                         // z of a block
    case 5: return 2147483647;                 // x of a grid
    case 6: case 7: return 65535;              // y, z of a grid
    case 8: return 48 * 1024;                  // shared memory of a block, unless more is asked for
    case 10: return 32;                        // warp
    case 12: return 65536;                     // registers of a block
    case 13: return 1000000;                   // clock, kHz
    case 16: return (int)multiprocessors();
    case 39: return 2048;                      // threads of a multiprocessor
    case 75: return (int)(capability() / 10);
    case 76: return (int)(capability() % 10);
    case 81: return (int)most_block_shared() + 1024;
    case 82: return 65536;                     // registers of a multiprocessor
    case 97: return (int)most_block_shared();
    case 106: return 32;                       // blocks of a multiprocessor
    case 111: return 1024;                     // shared memory that the system keeps of a block's
    default: return 0;
  }
}

int copy(void* to, const void* from, size_t bytes, const void* device) {
  if (bytes != 0 && !is_global(device, bytes)) return invalid_value;
  memcpy(to, from, bytes);
  return take_failure();
}

int launch_kernel(Kernel& kernel, dim3 grid, dim3 block, unsigned int shared_bytes, void** parameters) {
  const uint64_t threads = (uint64_t)block.x * block.y * block.z;
  const uint64_t blocks = (uint64_t)grid.x * grid.y * grid.z;
  if (threads == 0 || threads > 1024 || blocks == 0 || grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535) return invalid_value;
  if ((int)shared_bytes > kernel.most_shared) return invalid_value;
  const std::lock_guard<std::mutex> lock(running);
  Options options;
  options.seed = (uint64_t)setting("ATTNC_EMULATION_SEED", 0);
  options.checked = kernel.checked;
  options.seconds = setting("ATTNC_EMULATION_SECONDS", 60);
  const Failure failure = run_grid(kernel.name.c_str(), kernel.call, parameters, grid, block, shared_bytes, options);
  if (failure.code != 0) {
    remember_failure(failure.code, failure.message);
    return success;
  }
  const std::string written = written_slack();
  if (!written.empty()) remember_failure(illegal_address, kernel.name + ": " + written);
  return success;
}
}  // namespace

extern "C" {
int cuInit(unsigned int) { return success; }
int cuDriverGetVersion(int* version) { return *version = 13000, success; }
int cuDeviceGetCount(int* count) { return *count = 1, success; }
int cuDeviceGet(int* device, int ordinal) { return *device = 0, ordinal == 0 ? success : invalid_device; }
int cuDeviceGetName(char* name, int length, int) {
  const std::string text = "emulated sm_" + std::to_string(capability());
  strncpy(name, text.c_str(), (size_t)length);
  return success;
}
int cuDeviceGetAttribute(int* value, int attribute, int) { return *value = device_attribute(attribute), success; }
int cuDeviceTotalMem_v2(size_t* bytes, int) { return *bytes = (size_t)8 << 30, success; }
int cuDevicePrimaryCtxRetain(void** c, int) { return *c = &context, success; }
int cuDevicePrimaryCtxRelease_v2(int) { return success; }
int cuDevicePrimaryCtxRelease(int) { return success; }
int cuCtxSetCurrent(void*) { return success; }
int cuCtxGetCurrent(void** c) { return *c = &context, success; }
int cuCtxSynchronize() { return take_failure(); }
int cuStreamSynchronize(void*) { return take_failure(); }

int cuMemAlloc_v2(Pointer* pointer, size_t bytes) {
  if (bytes == 0) return invalid_value;
  void* memory = allocate_global(bytes);
  *pointer = reinterpret_cast<Pointer>(memory);
  return memory ? success : out_of_memory;
}
int cuMemFree_v2(Pointer pointer) {
  const int failed = take_failure();
  if (pointer != 0 && !free_global(at(pointer))) return invalid_value;
  return failed;
}
int cuMemcpyHtoD_v2(Pointer to, const void* from, size_t bytes) { return copy(at(to), from, bytes, at(to)); }
int cuMemcpyDtoH_v2(void* to, Pointer from, size_t bytes) { return copy(to, at(from), bytes, at(from)); }
int cuMemcpyDtoD_v2(Pointer to, Pointer from, size_t bytes) {
  return is_global(at(to), bytes) ? copy(at(to), at(from), bytes, at(from)) : invalid_value;
}
int cuMemcpyHtoDAsync_v2(Pointer to, const void* from, size_t bytes, void*) { return cuMemcpyHtoD_v2(to, from, bytes); }
int cuMemcpyDtoHAsync_v2(void* to, Pointer from, size_t bytes, void*) { return cuMemcpyDtoH_v2(to, from, bytes); }
int cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, void*) { return cuMemcpyDtoD_v2(to, from, bytes); }
int cuMemsetD8_v2(Pointer to, unsigned char value, size_t count) {
  if (count != 0 && !is_global(at(to), count)) return invalid_value;
  memset(at(to), value, count);
  return success;
}
int cuMemsetD32_v2(Pointer to, unsigned int value, size_t count) {
  if (to % 4 != 0 || (count != 0 && !is_global(at(to), 4 * count))) return invalid_value;
  for (size_t i = 0; i < count; i++) memcpy(at(to) + 4 * i, &value, 4);
  return success;
}
int cuMemsetD8Async(Pointer to, unsigned char value, size_t count, void*) { return cuMemsetD8_v2(to, value, count); }
int cuMemsetD32Async(Pointer to, unsigned int value, size_t count, void*) { return cuMemsetD32_v2(to, value, count); }
/** CU_POINTER_ATTRIBUTE_CONTEXT, MEMORY_TYPE, DEVICE_POINTER, DEVICE_ORDINAL, RANGE_START_ADDR and RANGE_SIZE. */
int cuPointerGetAttribute(void* value, int attribute, Pointer pointer) {
  Range range;
  if (!range_of(at(pointer), &range)) return invalid_value;
  void* const c = &context;
  const unsigned int device_memory = 2;
  const int ordinal = 0;
  if (attribute == 1) return memcpy(value, &c, sizeof c), success;
  if (attribute == 2) return memcpy(value, &device_memory, sizeof device_memory), success;
  if (attribute == 3) return memcpy(value, &pointer, sizeof pointer), success;
  if (attribute == 9) return memcpy(value, &ordinal, sizeof ordinal), success;
  if (attribute == 11) return memcpy(value, &range.start, sizeof range.start), success;
  if (attribute == 12) return memcpy(value, &range.bytes, sizeof range.bytes), success;
  return invalid_value;
}

int cuModuleLoadData(Module** module, const void* image) { return load_module(image, module); }
int cuModuleLoadDataEx(Module** module, const void* image, unsigned int, int*, void**) { return load_module(image, module); }
int cuModuleUnload(Module* module) { return unload_module(module), success; }
int cuModuleGetFunction(Kernel** kernel, Module* module, const char* name) {
  *kernel = find_kernel(module, name);
  return *kernel ? success : not_found;
}
/** CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES is kept, others are accepted. */
int cuFuncSetAttribute(Kernel* kernel, int attribute, int value) {
  if (attribute != 8) return success;
  if (value < 0 || value > most_block_shared()) return invalid_value;
  kernel->most_shared = value;
  return success;
}
int cuFuncGetAttribute(int* value, int attribute, Kernel* kernel) {
  *value = attribute == 0 ? 1024 : attribute == 8 ? kernel->most_shared : attribute == 6 ? (int)capability() : 0;
  return success;
}
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Kernel*, int, size_t) { return *blocks = 1, success; }
int cuLaunchKernel(Kernel* kernel, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx, unsigned int by, unsigned int bz,
                   unsigned int shared_bytes, void*, void** parameters, void**) {
  return launch_kernel(*kernel, {gx, gy, gz}, {bx, by, bz}, shared_bytes, parameters);
}

int cuStreamCreate(void** stream, unsigned int) { return *stream = &context, success; }
int cuStreamDestroy_v2(void*) { return success; }
int cuEventCreate(Event** event, unsigned int) { return *event = new Event{}, success; }
int cuEventRecord(Event* event, void*) { return clock_gettime(CLOCK_MONOTONIC, &event->time), success; }
int cuEventSynchronize(Event*) { return take_failure(); }
int cuEventQuery(Event*) { return success; }
int cuEventElapsedTime(float* milliseconds, Event* from, Event* to) {
  const double seconds = (double)(to->time.tv_sec - from->time.tv_sec) + 1e-9 * (double)(to->time.tv_nsec - from->time.tv_nsec);
  return *milliseconds = (float)(1e3 * seconds), success;
}
int cuEventDestroy_v2(Event* event) { return delete event, success; }

int cuTensorMapEncodeTiled(TensorMap* map, int type, unsigned int dimensions, void* address, const uint64_t* sizes, const uint64_t* strides,
                           const uint32_t* box, const uint32_t* steps, int interleave, int swizzle, int, int fill) {
  const char* wrong = encode_tensor(map, type, dimensions, address, sizes, strides, box, steps, interleave, swizzle, fill);
  if (!wrong) return success;
  remember_failure(invalid_value, std::string("cuTensorMapEncodeTiled: ") + wrong);
  take_failure();
  return invalid_value;
}

int cuGetErrorString(int code, const char** text) { return *text = describe_code(code), *text ? success : invalid_value; }
int cuGetErrorName(int code, const char** text) { return *text = name_code(code), *text ? success : invalid_value; }
}
