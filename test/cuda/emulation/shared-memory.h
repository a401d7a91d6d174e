/** The shared memory of a block, as ordinary and as asynchronous accesses see it. */
#pragma once
#include <cstddef>

extern "C" unsigned char shared_memory[];

namespace emulation {
constexpr unsigned int most_shared_bytes = 228 * 1024;
/** What memory is filled with before it is used: half-words and words of it are not numbers. */
constexpr unsigned char poison = 0xff;

void poison_shared_memory(unsigned int bytes);
/** It is a mistake if the bytes after the block's shared memory have been written. */
void check_shared_memory_end(unsigned int bytes);

/** The bytes from the pointer on lie in the block's shared memory, at a multiple of `alignment`. Returns its address there. */
unsigned int check_shared(const char* operation, const void* shared, size_t bytes, size_t alignment);

/**
 * Asynchronous operations read shared memory as it was when ordinary stores were last made visible to them. That
 * another thread's fence makes a store visible too is more than the device promises.
 */
const unsigned char* asynchronous_view();
/** Writes where both see it at once. */
void write_asynchronously(unsigned int address, const void* bytes, size_t count);
}  // namespace emulation
