/**
 * wgmma: products of a warpgroup, in groups. Each warp starts its part by itself; a product takes effect when the first
 * warp waits for it (or at random earlier), once all four have started it, and its numbers come into the registers of a
 * warp when that warp waits. Until then these registers hold what is not a number.
 */
#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include "block-state.h"
#include "formats.h"
#include "shared-memory.h"
#include "tensor-map.h"

namespace emulation {
namespace {
constexpr int rows = 64;
constexpr int depth = 16;

/** What all lanes of the four warps say alike. */
struct Shape {
  Format format;
  int width;
  bool b_transposed;
  bool a_in_registers;
  bool accumulate;
  unsigned long long a;
  unsigned long long b;
};

bool same(const Shape& x, const Shape& y) {
  return x.format == y.format && x.width == y.width && x.b_transposed == y.b_transposed && x.a_in_registers == y.a_in_registers &&
         x.accumulate == y.accumulate && x.a == y.a && x.b == y.b;
}

/** What a lane brings. */
struct Part {
  Shape shape;
  float* d;
  const unsigned int* a;
};

struct Product {
  Shape shape;
  unsigned int started = 0;  // warps, as bits
  float* d[128];
  unsigned int a[128][4];
  /** Of each thread, one after another: the accumulators before, then the result. */
  std::vector<float> numbers;
  /** Where a thread's accumulators come from when an earlier product still has them. */
  Product* before[4] = {};
  /** What warps had done when they started it, and the first one when it had waited: the matrices have been read then. */
  Clock read;
  bool waited_for = false;
};

struct WarpState {
  /** Products started, and how many of them each committed group ends with. */
  size_t started = 0;
  std::deque<size_t> groups;
  /** Products whose numbers are in the registers again. */
  size_t delivered = 0;
  bool fenced = false;
};

struct WarpGroup {
  std::vector<std::unique_ptr<Product>> products;
  /** How many of them have been computed, in order. */
  size_t computed = 0;
  WarpState warps[4];
};
std::deque<WarpGroup> groups;

WarpGroup& group_of(const Warp& warp) {
  if ((warp.number / 4 + 1) * 4 > launch.warps.size()) fail(launch_failed, "wgmma: warp %u is in no whole warpgroup", warp.number);
  while (groups.size() <= warp.number / 4) groups.emplace_back();
  return groups[warp.number / 4];
}

int thread_in_group(const Warp& warp, int lane) { return (int)(warp.number % 4) * 32 + lane; }

/** The address of 16 bytes: line `line` (of 8 elements of the other direction), `chunk` chunks along the neighbours. */
struct Matrix {
  unsigned int start, leading, stride, swizzle;
  explicit Matrix(unsigned long long descriptor)
      : start((unsigned int)(descriptor & 0x3fff) << 4), leading((unsigned int)(descriptor >> 16 & 0x3fff) << 4),
        stride((unsigned int)(descriptor >> 32 & 0x3fff) << 4), swizzle((unsigned int[]){0, 128, 64, 32}[descriptor >> 62]) {}

  /** Neighbours lie along the sum: element k of row (or column) i. */
  unsigned int along(unsigned int i, unsigned int k) const {
    const unsigned int line = swizzle == 0 ? 16 : swizzle;
    const unsigned int chunk = k / 8 * (swizzle == 0 ? leading : 16);
    return swizzled(start + i % 8 * line + i / 8 * stride + chunk, swizzle) + k % 8 * 2;
  }
  /** Neighbours lie across the sum: element k of column i. */
  unsigned int across(unsigned int i, unsigned int k) const {
    const unsigned int chunk = i / 8;
    if (swizzle == 0) return start + chunk * stride + k / 8 * leading + k % 8 * 16 + i % 8 * 2;
    const unsigned int chunks = swizzle / 16;
    return swizzled(start + chunk % chunks * 16 + chunk / chunks * leading + k % 8 * swizzle + k / 8 * stride, swizzle) + i % 8 * 2;
  }
};

/** Neighbours in 16 bytes. */
constexpr int neighbours = 8;

void load(Format format, const unsigned char* shared, unsigned int address, float* to) {
  if (address + 2 * neighbours > launch.shared_bytes) {
    const unsigned int outside = std::max(address, launch.shared_bytes / 2 * 2);
    fail(illegal_address, "wgmma reads at %u, outside of the %u bytes of shared memory", outside, launch.shared_bytes);
  }
  unsigned short bits[neighbours];
  memcpy(bits, shared + address, sizeof bits);
  for (int i = 0; i < neighbours; i++) to[i] = element(format, bits[i]);
}

/** The lines of the matrices that a warp's part reads, by 16 bytes. */
void check_reads_of(const Product& p, int warp) {
  if (!launch.options.checked) return;
  const Matrix in_a(p.shape.a), in_b(p.shape.b);
  const auto read = [](unsigned int address) {
    if (address + 16 <= launch.shared_bytes) shared_read("wgmma", address, 16);
  };
  for (int i = 16 * warp; i < 16 * warp + 16 && !p.shape.a_in_registers; i++) {
    for (int k = 0; k < depth; k += 8) read(in_a.along(i, k));
  }
  for (int j = 0; j < p.shape.width && !p.shape.b_transposed; j++) {
    for (int k = 0; k < depth; k += 8) read(in_b.along(j, k));
  }
  for (int j = 0; j < p.shape.width && p.shape.b_transposed; j += 8) {
    for (int k = 0; k < depth; k++) read(in_b.across(j, k));
  }
}

void compute(Product& p) {
  const Shape& s = p.shape;
  const unsigned char* shared = asynchronous_view();
  static float a[rows][depth], b[depth][256], d[rows][256];
  for (int thread = 0; thread < 128; thread++) {
    const int r = thread / 32 * 16 + thread % 32 / 4;
    const int c = 2 * (thread % 4);
    for (int i = 0; i < 4 && s.a_in_registers; i++) {
      a[r + i % 2 * 8][c + i / 2 * 8] = low(s.format, p.a[thread][i]);
      a[r + i % 2 * 8][c + i / 2 * 8 + 1] = high(s.format, p.a[thread][i]);
    }
    const Product* before = p.before[thread / 32];
    const std::vector<float>& numbers = before ? before->numbers : p.numbers;
    for (int j = 0; j < s.width / 2; j++) {
      d[r + j / 2 % 2 * 8][j / 4 * 8 + c + j % 2] = s.accumulate ? numbers[thread * (s.width / 2) + j] : 0.0f;
    }
  }
  const Matrix in_a(s.a), in_b(s.b);
  for (int i = 0; i < rows && !s.a_in_registers; i++) {
    for (int k = 0; k < depth; k += neighbours) load(s.format, shared, in_a.along(i, k), &a[i][k]);
  }
  for (int j = 0; j < s.width && !s.b_transposed; j++) {
    for (int k = 0; k < depth; k += neighbours) {
      float column[neighbours];
      load(s.format, shared, in_b.along(j, k), column);
      for (int n = 0; n < neighbours; n++) b[k + n][j] = column[n];
    }
  }
  for (int j = 0; j < s.width && s.b_transposed; j += neighbours) {
    for (int k = 0; k < depth; k++) load(s.format, shared, in_b.across(j, k), &b[k][j]);
  }
  for (int i = 0; i < rows; i++) {
    for (int k = 0; k < depth; k++) {
      for (int j = 0; j < s.width; j++) d[i][j] += a[i][k] * b[k][j];
    }
  }
  for (int thread = 0; thread < 128; thread++) {
    const int r = thread / 32 * 16 + thread % 32 / 4;
    const int c = 2 * (thread % 4);
    for (int j = 0; j < s.width / 2; j++) p.numbers[thread * (s.width / 2) + j] = d[r + j / 2 % 2 * 8][j / 4 * 8 + c + j % 2];
  }
}

/** All products up to one, in order. */
void compute_until(WarpGroup& group, size_t count) {
  for (; group.computed < count; group.computed++) compute(*group.products[group.computed]);
}

/** The latest product of the warp that has these accumulators and has not given them back. */
Product* owner(WarpGroup& group, const WarpState& state, int thread, const float* d) {
  for (size_t i = state.started; i-- > state.delivered;) {
    if (group.products[i]->d[thread] == d) return group.products[i].get();
  }
  return nullptr;
}

void begin(Warp& warp, void** slots) {
  WarpGroup& group = group_of(warp);
  WarpState& state = group.warps[warp.number % 4];
  const Shape& shape = static_cast<Part*>(slots[0])->shape;
  if (!state.fenced) fail(launch_failed, "wgmma of warp %u without a wgmma_fence after its registers were used", warp.number);
  if (group.products.size() == state.started) {
    group.products.push_back(std::make_unique<Product>());
    group.products.back()->shape = shape;
    group.products.back()->numbers.resize(128 * (shape.width / 2));
  }
  Product& p = *group.products[state.started];
  for (int lane = 0; lane < 32; lane++) {
    const Part& part = *static_cast<Part*>(slots[lane]);
    if (!same(part.shape, p.shape)) fail(launch_failed, "the warps of a warpgroup ask for different products (warp %u)", warp.number);
    const int thread = thread_in_group(warp, lane);
    const size_t count = shape.width / 2;
    Product* before = owner(group, state, thread, part.d);
    if (before && before->shape.width != shape.width) fail(launch_failed, "products of different widths share accumulators (warp %u)", warp.number);
    if (lane != 0 && before != p.before[warp.number % 4]) fail(launch_failed, "lanes of warp %u use their accumulators in different orders", warp.number);
    p.before[warp.number % 4] = before;
    p.d[thread] = part.d;
    if (part.a) memcpy(p.a[thread], part.a, sizeof p.a[thread]);
    if (!before) memcpy(&p.numbers[thread * count], part.d, count * sizeof(float));
    for (size_t j = 0; j < count; j++) part.d[j] = std::numeric_limits<float>::quiet_NaN();
  }
  check_reads_of(p, (int)warp.number % 4);
  release(*present, p.read);
  p.started |= 1u << warp.number % 4;
  state.started++;
  if (p.started == 15) {
    wake(&group);
    if (happens_early()) compute_until(group, state.started);
  }
}

void commit(Warp& warp, void**) {
  WarpState& state = group_of(warp).warps[warp.number % 4];
  state.groups.push_back(state.started);
}

void fence(Warp& warp, void**) { group_of(warp).warps[warp.number % 4].fenced = true; }

bool computed(const WarpGroup& group, const Product* p) {
  for (size_t i = group.computed; i < group.products.size(); i++) {
    if (group.products[i].get() == p) return false;
  }
  return true;
}

/** The product of the warp that has taken on the accumulators of another one, or null. */
Product* successor(WarpGroup& group, const Warp& warp, size_t which) {
  for (size_t later = which + 1; later < group.warps[warp.number % 4].started; later++) {
    Product* p = group.products[later].get();
    if (p->before[warp.number % 4] == group.products[which].get()) return p;
  }
  return nullptr;
}

/** The numbers of a product go where its warp expects them: into registers, or on to the product that has these now. */
void deliver(WarpGroup& group, const Warp& warp, size_t which) {
  Product& p = *group.products[which];
  Product* next = successor(group, warp, which);
  // A successor that has been computed has its own numbers there already.
  const bool taken = next && computed(group, next);
  const size_t count = p.shape.width / 2;
  for (int lane = 0; lane < 32; lane++) {
    const int thread = thread_in_group(warp, lane);
    float* to = next ? &next->numbers[thread * count] : p.d[thread];
    if (!taken) memcpy(to, &p.numbers[thread * count], count * sizeof(float));
  }
  if (next) next->before[warp.number % 4] = nullptr;
  bool last = true;
  for (int w = 0; w < 4; w++) last = last && (w == (int)warp.number % 4 || group.warps[w].delivered > which);
  if (last) group.products[which].reset();
}

/** All of a product has read its matrices when one warp has waited for it: what a warp does after its wait comes after. */
void order_reads(const Warp& warp, Product& p) {
  if (!p.waited_for) {
    for (int w = 0; w < 4; w++) check_reads_of(p, w);
    release(*present, p.read);
  }
  p.waited_for = true;
  for (const Thread* thread : warp.lanes) acquire_loads(*thread, p.read);
}

void nothing(Warp&, void**) {}
void after_loads(Warp& warp, void**) { meet_after_loads(warp.lanes); }
}  // namespace

void wgmma(Format format, int width, bool b_transposed, float* d, const unsigned int* a, unsigned long long a_descriptor,
           unsigned long long b_descriptor, bool accumulate) {
  Part part{{format, width, b_transposed, a != nullptr, accumulate, a_descriptor, b_descriptor}, d, a};
  meet("wgmma", &part, begin);
}
void wgmma_fence() { meet("wgmma_fence", nullptr, fence); }
void wgmma_commit() { meet("wgmma_commit", nullptr, commit); }

void wgmma_wait(int pending) {
  meet("wgmma_wait", nullptr, nothing);
  const Warp& warp = *present->warp;
  WarpGroup& group = group_of(warp);
  WarpState& state = group.warps[warp.number % 4];
  // The first lane does it for all; the others find nothing left to do.
  const size_t count = state.groups.size() > (size_t)pending ? state.groups[state.groups.size() - 1 - pending] : state.delivered;
  for (size_t i = state.delivered; i < count; i++) {
    while (group.products[i]->started != 15) wait_for(&group, "wgmma_wait");
  }
  meet("wgmma_wait", nullptr, after_loads);
  if (state.delivered < count) {
    compute_until(group, count);
    for (size_t i = state.delivered; i < count; i++) order_reads(warp, *group.products[i]);
    for (; state.delivered < count; state.delivered++) deliver(group, warp, state.delivered);
  }
  while (state.groups.size() > (size_t)pending) state.groups.pop_front();
  state.fenced = false;
}

void registers(const char* operation, int count) {
  if (count < 24 || count > 256 || count % 8 != 0) fail(launch_failed, "%s: %d is not a multiple of 8 from 24 to 256", operation, count);
  meet(operation, nullptr, nothing);
}

void reset_products() { groups.clear(); }
}  // namespace emulation
