/** Elements of half-word formats, as the products need them. */
#pragma once
#include "threads.h"

namespace emulation {
inline float element(Format format, unsigned int bits) {
  if (format == Format::f16) return half_to_float((unsigned short)bits);
  bits <<= 16;
  float result;
  __builtin_memcpy(&result, &bits, sizeof result);
  return result;
}
inline float low(Format format, unsigned int pair) { return element(format, pair & 0xffff); }
inline float high(Format format, unsigned int pair) { return element(format, pair >> 16); }
}  // namespace emulation
