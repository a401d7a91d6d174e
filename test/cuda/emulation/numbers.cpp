/** binary16 and bfloat16, by their definition (IEEE 754): slow and plain, with a table for the way to float. */
#include <cmath>
#include <cstring>

#include "threads.h"

namespace emulation {
namespace {
float decode_half(unsigned int bits) {
  const unsigned int exponent = bits >> 10 & 31;
  const unsigned int fraction = bits & 1023;
  const float sign = bits & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * ldexpf((float)fraction, -24);
  return sign * ldexpf((float)(fraction + 1024), (int)exponent - 25);
}

struct Table {
  float values[65536];
  Table() {
    for (unsigned int i = 0; i < 65536; i++) values[i] = decode_half(i);
  }
};
const Table table;
}  // namespace

float half_to_float(unsigned short bits) { return table.values[bits]; }

unsigned short half_from_float(float x) {
  const unsigned short sign = std::signbit(x) ? 0x8000 : 0;
  if (x != x) return 0x7fff;
  const float size = fabsf(x);
  if (size >= 65520.0f) return sign | 0x7c00;
  int exponent = 0;
  frexpf(size, &exponent);
  if (exponent < -13) exponent = -13;
  // Multiples of 2^(exponent - 11): the nearest, ties to even, as the processor rounds.
  const int multiple = (int)lrintf(ldexpf(size, 11 - exponent));
  // A multiple of 2048 carries into the exponent by itself.
  return sign | (unsigned short)(multiple < 1024 ? multiple : ((exponent + 13) << 10) + multiple);
}

unsigned short bfloat_from_float(float x) {
  if (x != x) return 0x7fff;
  unsigned int bits;
  memcpy(&bits, &x, sizeof bits);
  return (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
}  // namespace emulation
