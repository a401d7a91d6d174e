/** Settings of the environment, and failures on their way to the caller. */
#include <cstdio>
#include <cstdlib>
#include <map>

#include "driver.h"
#include "failure.h"

#ifndef EMULATION_BUILD
#define EMULATION_BUILD "unnamed"
#endif

namespace emulation {
namespace {
int remembered = 0;
Failure last;

struct Meaning {
  int code;
  const char* name;
  const char* text;
};
constexpr Meaning meanings[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {200, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
};

const Meaning* meaning_of(int code) {
  for (const Meaning& meaning : meanings) {
    if (meaning.code == code) return &meaning;
  }
  return nullptr;
}
}  // namespace

const char* build_name() { return EMULATION_BUILD; }

long setting(const char* name, long otherwise) {
  const char* value = getenv(name);
  return value && *value ? atol(value) : otherwise;
}
long capability() { return setting("ATTNC_EMULATION_CAPABILITY", 90); }
long multiprocessors() { return setting("ATTNC_EMULATION_MULTIPROCESSORS", 4); }
long most_block_shared() {
  const long c = capability();
  const long usual = c < 80 ? 64 : c == 80 || c == 87 ? 163 : c < 90 ? 99 : c < 120 ? 227 : 99;
  return setting("ATTNC_EMULATION_SHARED", usual * 1024);
}

bool compiles_checked() { return setting("ATTNC_EMULATION_CHECK", 0) != 0; }

void remember_failure(int code, const std::string& message) {
  last.code = remembered = code;
  const Meaning* meaning = meaning_of(code);
  last.message = std::string(meaning ? meaning->text : "unknown error") + ": " + message;
  if (setting("ATTNC_EMULATION_QUIET", 0) == 0) fprintf(stderr, "emulated device: %s\n", message.c_str());
}

int take_failure() {
  const int code = remembered;
  remembered = 0;
  return code;
}

const char* describe_code(int code) {
  if (code != 0 && code == last.code) return last.message.c_str();
  const Meaning* meaning = meaning_of(code);
  return meaning ? meaning->text : nullptr;
}
const char* name_code(int code) {
  const Meaning* meaning = meaning_of(code);
  return meaning ? meaning->name : nullptr;
}
}  // namespace emulation

/** For tests: what happened last, "" if nothing has. */
extern "C" const char* attnc_emulation_last_failure() { return emulation::last.message.c_str(); }
