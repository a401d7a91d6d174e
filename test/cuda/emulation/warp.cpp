/** What the lanes of a warp do together: shuffles, loads of matrices, products. */
#include <cstring>

#include "formats.h"
#include "shared-memory.h"
#include "threads.h"

namespace emulation {
namespace {
struct Shuffle {
  unsigned int given;
  unsigned int from;
  unsigned int taken;
};

void exchange(Warp& warp, void** slots) {
  meet_after_loads(warp.lanes);
  for (int lane = 0; lane < 32; lane++) {
    Shuffle& s = *static_cast<Shuffle*>(slots[lane]);
    s.taken = static_cast<Shuffle*>(slots[s.from % 32])->given;
  }
}

struct Vote {
  bool given;
  unsigned int all;
};

void vote(Warp& warp, void** slots) {
  meet_after_loads(warp.lanes);
  unsigned int all = 0;
  for (int lane = 0; lane < 32; lane++) all |= (unsigned int)static_cast<Vote*>(slots[lane])->given << lane;
  for (int lane = 0; lane < 32; lane++) static_cast<Vote*>(slots[lane])->all = all;
}

/** A load or store of four matrices: lane 8 i + j has the address of row j of matrix i. */
struct Matrices {
  unsigned int* r;
  unsigned char* row;
};
Matrices& matrices_of(void** slots, int lane) { return *static_cast<Matrices*>(slots[lane]); }

void load_rows(Warp&, void** slots) {
  for (int lane = 0; lane < 32; lane++) {
    for (int i = 0; i < 4; i++) memcpy(&matrices_of(slots, lane).r[i], matrices_of(slots, 8 * i + lane / 4).row + 4 * (lane % 4), 4);
  }
}

void load_columns(Warp&, void** slots) {
  for (int lane = 0; lane < 32; lane++) {
    for (int i = 0; i < 4; i++) {
      unsigned short pair[2];
      for (int k = 0; k < 2; k++) memcpy(&pair[k], matrices_of(slots, 8 * i + 2 * (lane % 4) + k).row + 2 * (lane / 4), 2);
      memcpy(&matrices_of(slots, lane).r[i], pair, 4);
    }
  }
}

void store_rows(Warp&, void** slots) {
  for (int lane = 0; lane < 32; lane++) {
    for (int i = 0; i < 4; i++) memcpy(matrices_of(slots, 8 * i + lane / 4).row + 4 * (lane % 4), &matrices_of(slots, lane).r[i], 4);
  }
}

struct Product {
  float* c;
  const unsigned int* a;
  unsigned int b[2];
};

template <Format format> void multiply(Warp&, void** slots) {
  float a[16][16], b[16][8], c[16][8];
  for (int lane = 0; lane < 32; lane++) {
    const Product& p = *static_cast<Product*>(slots[lane]);
    const int r = lane / 4;
    const int k = 2 * (lane % 4);
    for (int i = 0; i < 4; i++) {
      a[r + i % 2 * 8][k + i / 2 * 8] = low(format, p.a[i]);
      a[r + i % 2 * 8][k + i / 2 * 8 + 1] = high(format, p.a[i]);
      c[r + i / 2 * 8][k + i % 2] = p.c[i];
    }
    for (int i = 0; i < 2; i++) {
      b[k + 8 * i][r] = low(format, p.b[i]);
      b[k + 8 * i + 1][r] = high(format, p.b[i]);
    }
  }
  for (int i = 0; i < 16; i++) {
    for (int k = 0; k < 16; k++) {
      for (int j = 0; j < 8; j++) c[i][j] += a[i][k] * b[k][j];
    }
  }
  for (int lane = 0; lane < 32; lane++) {
    const Product& p = *static_cast<Product*>(slots[lane]);
    for (int i = 0; i < 4; i++) p.c[i] = c[lane / 4 + i / 2 * 8][2 * (lane % 4) + i % 2];
  }
}

/** What each lane has done happens before what any of them does now. */
void meet_in_order(Warp& warp, void**) {
  Clock clock;
  for (const Thread* thread : warp.lanes) release(*thread, clock);
  for (const Thread* thread : warp.lanes) acquire(*thread, clock);
}

unsigned int shuffled(const char* operation, unsigned int word, unsigned int from) {
  Shuffle s{word, from, 0};
  meet(operation, &s, exchange);
  return s.taken;
}
}  // namespace

unsigned int shuffle_word(unsigned int word, int lane) { return shuffled("shuffle", word, (unsigned int)lane); }
unsigned int shuffle_word_xor(unsigned int word, int distance) { return shuffled("shuffle_xor", word, present->lane ^ (unsigned int)distance); }
unsigned int lanes_with(bool x) {
  Vote v{x, 0};
  meet("lanes_with", &v, vote);
  return v.all;
}
void warp_barrier() { meet("warp_barrier", nullptr, meet_in_order, false); }

void load_matrix_x4(unsigned int* r, const void* shared_row, bool transposed) {
  const char* operation = transposed ? "load_matrix_x4_transposed" : "load_matrix_x4";
  const unsigned int address = check_shared(operation, shared_row, 16, 16);
  shared_read(operation, address, 16);
  Matrices m{r, shared_memory + address};
  meet(operation, &m, transposed ? load_columns : load_rows);
}
void store_matrix_x4(void* shared_row, const unsigned int* r) {
  const unsigned int address = check_shared("store_matrix_x4", shared_row, 16, 16);
  shared_write("store_matrix_x4", address, 16);
  Matrices m{const_cast<unsigned int*>(r), shared_memory + address};
  meet("store_matrix_x4", &m, store_rows);
}

void multiply_16x8x16(Format format, float* c, const unsigned int* a, unsigned int b0, unsigned int b1) {
  Product p{c, a, {b0, b1}};
  if (format == Format::f16) {
    meet("multiply_16x8x16<f16>", &p, multiply<Format::f16>);
  } else {
    meet("multiply_16x8x16<bf16>", &p, multiply<Format::bf16>);
  }
}
}  // namespace emulation
