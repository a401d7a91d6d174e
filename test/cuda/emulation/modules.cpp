#include "modules.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>

#include "driver.h"

namespace emulation {
struct Module {
  void* library;
  std::map<std::string, std::unique_ptr<Kernel>> kernels;
};

namespace {
/** Before the shared object: how long it is, since a launcher hands over nothing but its address. */
struct Head {
  char mark[8];
  uint64_t bytes;
};
constexpr char head_mark[9] = "attncemu";

/** Kernels find this library's functions by their names. */
void show_own_symbols() {
  static bool done = false;
  Dl_info info;
  if (!done && dladdr(reinterpret_cast<void*>(&show_own_symbols), &info)) dlopen(info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
  done = true;
}

/** A cubin runs on devices of its major version and its minor version or later, one of sm_90a on nothing else. */
bool fits(int architecture, bool only) {
  const long device = capability();
  if (only) return device == architecture;
  return device / 10 == architecture / 10 && device >= architecture;
}
}  // namespace

int load_module(const void* image, Module** module) {
  Head head;
  memcpy(&head, image, sizeof head);
  if (memcmp(head.mark, head_mark, 8) != 0) return 200;
  show_own_symbols();
  const int file = memfd_create("attnc-kernel", 0);
  const char* bytes = static_cast<const char*>(image) + sizeof head;
  for (uint64_t done = 0; done < head.bytes;) {
    const ssize_t count = write(file, bytes + done, head.bytes - done);
    if (count <= 0) return 2;
    done += count;
  }
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  // The file stays open: a number that is used again would be the path of a library that is loaded already.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    remember_failure(200, dlerror());
    take_failure();
    return 200;
  }
  const char* build = static_cast<const char*>(dlsym(library, "attnc_emulation_build"));
  const int* architecture = static_cast<const int*>(dlsym(library, "attnc_emulation_architecture"));
  if (!build || strcmp(build, build_name()) != 0 || !architecture || !fits(*architecture / 10, *architecture % 10 != 0)) {
    dlclose(library);
    return 209;
  }
  *module = new Module{library, {}};
  return 0;
}

void unload_module(Module* module) {
  dlclose(module->library);
  delete module;
}

Kernel* find_kernel(Module* module, const char* name) {
  std::unique_ptr<Kernel>& kernel = module->kernels[name];
  if (!kernel) {
    void* call = dlsym(module->library, (std::string("attnc_call_") + name).c_str());
    if (!call) return nullptr;
    kernel = std::make_unique<Kernel>();
    const int* checked = static_cast<const int*>(dlsym(module->library, "attnc_emulation_checked"));
    kernel->checked = checked && *checked;
    kernel->name = name;
    kernel->call = reinterpret_cast<void (*)(void**)>(call);
  }
  return kernel.get();
}
}  // namespace emulation
