/** g++ on a source for GPUs: what NVRTC does, for the emulated device. */
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include "driver.h"
#include "modules.h"

#ifndef EMULATION_INCLUDE
#define EMULATION_INCLUDE "include"
#endif

namespace emulation {
namespace {
struct Wish {
  int architecture = 52;
  bool only = false;
  /** The source has its launcher in it, which finds kernels by their addresses. */
  bool with_launcher = false;
  std::vector<std::string> passed;
  std::string unknown;
};

bool begins(const std::string& text, const char* with) { return text.compare(0, strlen(with), with) == 0; }

/** `compute_90a` and `sm_90a`. */
void read_architecture(const std::string& value, Wish& wish) {
  const size_t digits = value.find('_') + 1;
  wish.architecture = atoi(value.c_str() + digits);
  wish.only = value.back() == 'a';
}

Wish read_options(const std::string* options, size_t count) {
  Wish wish;
  for (size_t i = 0; i < count; i++) {
    const std::string& option = options[i];
    const size_t equals = option.find('=');
    if (begins(option, "--gpu-architecture=") || begins(option, "-arch=")) {
      read_architecture(option.substr(equals + 1), wish);
    } else if (begins(option, "-D") || begins(option, "-I") || begins(option, "-std=")) {
      wish.passed.push_back(option);
    } else if (begins(option, "--define-macro=")) {
      wish.passed.push_back("-D" + option.substr(equals + 1));
    } else if (begins(option, "--include-path=")) {
      wish.passed.push_back("-I" + option.substr(equals + 1));
    } else if (begins(option, "--std=")) {
      wish.passed.push_back(option.substr(1));
    } else if (option[0] != '-') {
      wish.unknown = option;
    }
  }
  return wish;
}

bool is_name(char c) { return isalnum((unsigned char)c) || c == '_'; }

/** The place after a string, a character or a comment that begins here, or the same place. */
size_t after_literal(const std::string& text, size_t i) {
  if (text.compare(i, 2, "//") == 0) return std::min(text.find('\n', i), text.size());
  if (text.compare(i, 2, "/*") == 0) return std::min(text.find("*/", i + 2), text.size() - 2) + 2;
  if (text[i] != '"' && text[i] != '\'') return i;
  size_t end = i + 1;
  while (end < text.size() && text[end] != text[i]) end += text[end] == '\\' ? 2 : 1;
  return end + 1;
}

/** The place after what is bracketed from here on. */
size_t after_brackets(const std::string& text, size_t i, char open, char close) {
  int depth = 0;
  while (i < text.size()) {
    const size_t next = after_literal(text, i);
    if (next != i) {
      i = next;
      continue;
    }
    if (text[i] == open) depth++;
    if (text[i] == close && --depth == 0) return i + 1;
    i++;
  }
  return text.size();
}

/** The name before the parameters of a kernel, and what bounds its threads: attributes have parameters of their own. */
std::string kernel_name(const std::string& text, size_t& i, std::string& bounds) {
  for (;;) {
    while (i < text.size() && !is_name(text[i])) i++;
    const size_t begin = i;
    while (i < text.size() && is_name(text[i])) i++;
    const std::string name = text.substr(begin, i - begin);
    while (i < text.size() && isspace((unsigned char)text[i])) i++;
    if (i >= text.size()) return "";
    if (text[i] != '(') continue;
    if (name != "__launch_bounds__") return name;
    const size_t open = i;
    i = after_brackets(text, i, '(', ')');
    bounds = text.substr(open, i - open);
  }
}

std::string call_of(const std::string& name, const std::string& bounds, bool linked) {
  std::string text = " extern \"C\" void attnc_call_" + name + "(void** parameters) { emulation::call(" + name + ", parameters); }";
  if (!linked) return text;
  const std::string threads = bounds.empty() ? "1024" : "emulation::first" + bounds;
  const std::string arguments = "((const void*)" + name + ", \"" + name + "\", attnc_call_" + name + ", " + threads + ")";
  return text + " static struct attnc_link_" + name + " { attnc_link_" + name + "() { emulation::link_kernel" + arguments + "; } } attnc_linked_" + name + ";";
}

/** The source with a way to call each kernel after it, so that `#if` leaves out both or none. */
std::string with_calls(const std::string& source, const Wish& wish) {
  const std::string mark = "extern \"C\" __global__";
  std::string text = "#line 1 \"source.cu\"\n";
  size_t copied = 0;
  for (size_t at = source.find(mark); at != std::string::npos; at = source.find(mark, copied)) {
    size_t i = at + mark.size();
    std::string bounds;
    const std::string name = kernel_name(source, i, bounds);
    if (name.empty()) break;
    i = after_brackets(source, i, '(', ')');
    const size_t body = source.find_first_not_of(" \t\n", i);
    if (body != std::string::npos && source[body] == '{') i = after_brackets(source, body, '{', '}');
    text += source.substr(copied, i - copied);
    // On the same line, so that lines keep their numbers.
    if (source[i - 1] == '}') text += call_of(name, bounds, wish.with_launcher);
    copied = i;
  }
  text += source.substr(copied);
  text += "\nextern \"C\" const char attnc_emulation_build[] = \"" + std::string(build_name()) + "\";\n";
  text += "extern \"C\" const int attnc_emulation_checked = " + std::string(compiles_checked() ? "1" : "0") + ";\n";
  text += "extern \"C\" const int attnc_emulation_architecture = " + std::to_string(wish.architecture * 10 + (wish.only ? 1 : 0)) + ";\n";
  return text;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/** Exit status of a program whose output goes to a file. */
int run(const std::vector<std::string>& arguments, const std::string& output) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    const int file = open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, 1) < 0 || dup2(file, 2) < 0) _exit(126);
    execvp(pointers[0], pointers.data());
    _exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) < 0) return 126;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}

/** What a checked kernel is checked for, beside accesses to memory. */
const std::string undefined = "shift,signed-integer-overflow,integer-divide-by-zero,bounds,unreachable,return,bool,alignment";

std::vector<std::string> compiler_call(const Wish& wish) {
  const std::string include = EMULATION_INCLUDE;
  std::vector<std::string> words = {"g++", "-std=c++17", "-O1", "-w", "-fPIC", "-fno-exceptions", "-fno-rtti", "-fno-stack-protector",
                                    "-fno-strict-aliasing", "-fno-asynchronous-unwind-tables", "-Wno-psabi", "-include", include + "/device.h",
                                    "-DATTNC_PRIMITIVES=\"" + include + "/primitives.h\"", "-I" + include + "/host",
                                    "-D__CUDA_ARCH__=" + std::to_string(wish.architecture * 10)};
  if (wish.with_launcher) words.push_back("-DEMULATION_LAUNCHER");
  if (wish.only) words.push_back("-D__CUDA_ARCH_FEAT_SM" + std::to_string(wish.architecture) + "_ALL=1");
  // Linked without the libraries of these options, in whose place accesses.cpp and undefined.cpp are.
  if (compiles_checked()) words.insert(words.end(), {"-fsanitize=thread", "-fsanitize=" + undefined});
  words.insert(words.end(), wish.passed.begin(), wish.passed.end());
  return words;
}
}  // namespace

Compiled compile_source(const std::string& source, const std::string* options, size_t count) {
  const Wish wish = read_options(options, count);
  if (!wish.unknown.empty()) return {false, "", "unrecognized option " + wish.unknown};
  const char* folder = getenv("TMPDIR");
  std::string base = std::string(folder && *folder ? folder : "/tmp") + "/attnc-kernel-XXXXXX";
  if (!mkdtemp(base.data())) return {false, "", "no folder for temporary files"};
  const std::string text = base + "/kernel.cpp", relocatable = base + "/kernel.o", object = base + "/kernel.so", log = base + "/log";
  std::ofstream(text) << with_calls(source, wish);

  std::vector<std::string> words = compiler_call(wish);
  words.insert(words.end(), {"-D__CUDACC_RTC__=1", "-c", "-o", relocatable, text});
  int status = run(words, log);
  // What it calls is in this library, which it is loaded into.
  if (status == 0) status = run({"g++", "-shared", "-nostdlib", "-o", object, relocatable}, log);
  Compiled result{status == 0, "", read_file(log)};
  if (result.ok) {
    const std::string library = read_file(object);
    const uint64_t bytes = library.size();
    result.image = std::string("attncemu") + std::string(reinterpret_cast<const char*>(&bytes), sizeof bytes) + library;
  } else if (result.log.empty()) {
    result.log = "g++ ended with status " + std::to_string(status);
  }
  for (const std::string& file : {text, relocatable, object, log}) unlink(file.c_str());
  rmdir(base.c_str());
  return result;
}
}  // namespace emulation

/**
 * What nvcc does with a .cu file that has kernels and their launcher in it: a shared object, or C++ linked into it from
 * further files. "" or the log. The text stays until the next call.
 */
extern "C" const char* attnc_emulation_compile_program(const char* source, const char* architecture, const char* output, const char* more) {
  using namespace emulation;
  static std::string log;
  const std::string option = std::string("-arch=") + architecture;
  Wish wish = read_options(&option, 1);
  wish.with_launcher = true;
  const std::string text = std::string(output) + ".cpp", said = std::string(output) + ".log";
  std::ofstream(text) << "#include <cuda_runtime.h>\nnamespace emulation {\n"
                      << "void link_kernel(const void*, const char*, void (*)(void**), int);\n"
                      << "template <class... More> constexpr int first(int bound, More...) { return bound; }\n}\n"
                      << with_calls(read_file(source), wish);
  std::vector<std::string> words = compiler_call(wish);
  const std::string relocatable = std::string(output) + ".o";
  words.insert(words.end(), {"-c", "-o", relocatable, text});
  int status = run(words, said);
  words = {"g++", "-shared", "-fPIC", "-w", "-I" EMULATION_INCLUDE "/host", "-o", output, relocatable};
  if (*more) words.push_back(more);
  if (status == 0) status = run(words, said);
  unlink(relocatable.c_str());
  log = status == 0 ? "" : read_file(said);
  unlink(text.c_str());
  unlink(said.c_str());
  return log.c_str();
}
