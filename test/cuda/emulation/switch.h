/** From one stack to another. */
#pragma once

namespace emulation {
/** Saves the present place under `from` and goes on at `to`. */
extern "C" void emulation_switch(void** from, void* to);
/** A place on a stack, given by its end, at which `entry` starts. It must not return. */
void* fresh_stack(unsigned char* end, void (*entry)());
}  // namespace emulation
