/** Compiled sources: shared objects, which take the place of cubins. */
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace emulation {
struct Module;
/** A kernel of a loaded source. */
struct Kernel {
  std::string name;
  void (*call)(void** parameters);
  /** Dynamic shared memory that a launch may ask for. */
  int most_shared = 48 * 1024;
  /** Threads of a block, as its launch bounds say. */
  int most_threads = 1024;
  bool checked = false;
};

/** Loads a shared object from memory. An error code of the driver, or 0. */
int load_module(const void* image, Module** module);
void unload_module(Module* module);
/** The kernel of this name, or null. */
Kernel* find_kernel(Module* module, const char* name);

/** Shared object from the text of a source; the log on failure. Options are those of NVRTC. */
struct Compiled {
  bool ok;
  std::string image;
  std::string log;
};
Compiled compile_source(const std::string& source, const std::string* options, size_t count);
}  // namespace emulation
