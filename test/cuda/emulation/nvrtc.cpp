/** NVRTC: programs that g++ compiles for the emulated device. */
#include <cstring>
#include <vector>

#include "driver.h"
#include "modules.h"

using namespace emulation;

namespace {
struct Program {
  std::string source;
  Compiled compiled{false, "", ""};
};
constexpr int success = 0, compilation_failed = 6;
}  // namespace

extern "C" {
/** Another version where kernels are compiled to be checked, so that caches hold the two apart. */
int nvrtcVersion(int* major, int* minor) { return *major = 13, *minor = emulation::compiles_checked() ? 1 : 0, success; }
int nvrtcCreateProgram(Program** program, const char* source, const char*, int, const char* const*, const char* const*) {
  *program = new Program{source};
  return success;
}
int nvrtcDestroyProgram(Program** program) {
  delete *program;
  *program = nullptr;
  return success;
}
int nvrtcCompileProgram(Program* program, int count, const char* const* options) {
  std::vector<std::string> words(options, options + count);
  program->compiled = compile_source(program->source, words.data(), words.size());
  return program->compiled.ok ? success : compilation_failed;
}
int nvrtcGetProgramLogSize(Program* program, size_t* size) { return *size = program->compiled.log.size() + 1, success; }
int nvrtcGetProgramLog(Program* program, char* log) {
  memcpy(log, program->compiled.log.c_str(), program->compiled.log.size() + 1);
  return success;
}
int nvrtcGetCUBINSize(Program* program, size_t* size) { return *size = program->compiled.image.size(), success; }
int nvrtcGetCUBIN(Program* program, char* image) {
  memcpy(image, program->compiled.image.data(), program->compiled.image.size());
  return success;
}
const char* nvrtcGetErrorString(int code) {
  return code == success ? "NVRTC_SUCCESS" : code == compilation_failed ? "NVRTC_ERROR_COMPILATION" : "NVRTC_ERROR_INTERNAL_ERROR";
}
}
