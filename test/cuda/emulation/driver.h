/** What the stand-ins for NVIDIA's libraries share. */
#pragma once
#include <string>

namespace emulation {
/** Names this build of the emulation: a compiled kernel runs on no other. */
const char* build_name();
/** A whole number of the environment. */
long setting(const char* name, long otherwise);
/** The emulated device: compute capability times ten, and what can be asked of it. */
long capability();
long multiprocessors();
/** Bytes of shared memory that a block may ask for. */
long most_block_shared();

/** Whether kernels are compiled to be checked: slower, and every access to memory is looked at. */
bool compiles_checked();

/** An error code for the next call that waits for the device. */
void remember_failure(int code, const std::string& message);
/** The code, once. */
int take_failure();
/** What a code means, with what happened last where it is that. */
const char* describe_code(int code);
const char* name_code(int code);
}  // namespace emulation
