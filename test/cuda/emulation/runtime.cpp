/** The CUDA runtime: the driver's functions under other names, for kernels that are linked to their launcher. */
#include "include/host/cuda_runtime.h"

#include <dlfcn.h>

#include <cstring>
#include <map>
#include <memory>

#include "driver.h"
#include "global-memory.h"
#include "modules.h"

using emulation::Kernel;

extern "C" {
int cuDeviceGetAttribute(int* value, int attribute, int device);
int cuMemAlloc_v2(unsigned long long* pointer, size_t bytes);
int cuMemFree_v2(unsigned long long pointer);
int cuFuncSetAttribute(Kernel* kernel, int attribute, int value);
int cuLaunchKernel(Kernel* kernel, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx, unsigned int by, unsigned int bz,
                   unsigned int shared_bytes, void* stream, void** parameters, void** extra);
}

namespace {
std::map<const void*, std::unique_ptr<Kernel>>& linked_kernels() {
  static std::map<const void*, std::unique_ptr<Kernel>> kernels;
  return kernels;
}
Kernel* linked(const void* kernel) {
  auto found = linked_kernels().find(kernel);
  return found == linked_kernels().end() ? nullptr : found->second.get();
}
int last_error = 0;
cudaError_t kept(int code) {
  if (code != 0) last_error = code;
  return (cudaError_t)code;
}
}  // namespace

namespace emulation {
/** Called when a program with kernels is loaded. */
void link_kernel(const void* kernel, const char* name, void (*call)(void**), int most_threads) {
  auto made = std::make_unique<Kernel>();
  made->name = name;
  made->call = call;
  made->most_threads = most_threads;
  linked_kernels()[kernel] = std::move(made);
}
}  // namespace emulation

extern "C" {
cudaError_t cudaLaunchKernel(const void* kernel, dim3 grid, dim3 block, void** parameters, size_t shared_bytes, cudaStream_t stream) {
  Kernel* found = linked(kernel);
  if (!found) return kept(cudaErrorInvalidDeviceFunction);
  if (block.x * block.y * block.z > (unsigned int)found->most_threads) return kept(cudaErrorInvalidValue);
  return kept(cuLaunchKernel(found, grid.x, grid.y, grid.z, block.x, block.y, block.z, (unsigned int)shared_bytes, stream, parameters, nullptr));
}
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  Kernel* found = linked(kernel);
  return kept(found ? cuFuncSetAttribute(found, attribute, value) : (int)cudaErrorInvalidDeviceFunction);
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel) {
  Kernel* found = linked(kernel);
  if (!found) return kept(cudaErrorInvalidDeviceFunction);
  *attributes = {};
  attributes->maxThreadsPerBlock = found->most_threads;
  attributes->maxDynamicSharedSizeBytes = found->most_shared;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) { return *device = 0, cudaSuccess; }
cudaError_t cudaSetDevice(int device) { return kept(device == 0 ? 0 : 101); }
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) { return kept(cuDeviceGetAttribute(value, attribute, device)); }
cudaError_t cudaGetLastError() {
  const int code = last_error;
  last_error = 0;
  return (cudaError_t)code;
}
cudaError_t cudaPeekAtLastError() { return (cudaError_t)last_error; }
const char* cudaGetErrorString(cudaError_t error) {
  const char* text = emulation::describe_code(error);
  return text ? text : "unrecognized error code";
}
const char* cudaGetErrorName(cudaError_t error) {
  const char* text = emulation::name_code(error);
  return text ? text : "unrecognized error code";
}
cudaError_t cudaMalloc(void** pointer, size_t bytes) { return kept(cuMemAlloc_v2(reinterpret_cast<unsigned long long*>(pointer), bytes)); }
cudaError_t cudaFree(void* pointer) { return kept(cuMemFree_v2(reinterpret_cast<unsigned long long>(pointer))); }
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t) {
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (bytes != 0 && ((to_device && !emulation::is_global(to, bytes)) || (from_device && !emulation::is_global(from, bytes)))) return kept(1);
  memcpy(to, from, bytes);
  return kept(emulation::take_failure());
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) { return cudaMemcpyAsync(to, from, bytes, kind, nullptr); }
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t) {
  if (bytes != 0 && !emulation::is_global(to, bytes)) return kept(1);
  memset(to, value, bytes);
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t) { return kept(emulation::take_failure()); }
cudaError_t cudaDeviceSynchronize() { return kept(emulation::take_failure()); }
cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned int, unsigned long long, cudaDriverEntryPointQueryResult* found) {
  Dl_info own;
  dladdr(reinterpret_cast<void*>(&linked), &own);
  void* library = dlopen(own.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  *function = library ? dlsym(library, name) : nullptr;
  if (library) dlclose(library);
  if (found) *found = *function ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
  return cudaSuccess;
}
}
