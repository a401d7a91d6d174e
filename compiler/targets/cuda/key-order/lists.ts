import { symbolStem } from "../../../../runtime/cuda/module.js";
import { KEY_ORDER_FIELDS } from "../../../../runtime/launch/key-order/fields.js";

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The struct that kernels of a launch in key order are told beside the uniforms: see `KEY_ORDER_FIELDS`. */
export const KEY_ORDER_STRUCT = `struct KeyOrder {\n${KEY_ORDER_FIELDS.map((name) => `  int ${snake(name)};`).join("\n")}\n};`;

/**
 * The kernels that make the lists of a launch in key order from the bits `[query, block]` of a selection, and that choose the
 * order: twins of those in runtime/launch/key-order/list-kernels.ts, which says what they leave where. Blocks have 256
 * threads.
 */
export function printListKernels(operator: string): string {
  const stem = symbolStem(operator);
  const kernel = (name: string): string =>
    `extern "C" __global__ void __launch_bounds__(256) ${stem}_order_${name}(const KeyOrder order, const unsigned int* aux, unsigned int* lists)`;
  return /* cpp */ `
// The first word of the bits of a list head's queries.
__device__ __forceinline__ const unsigned int* order_bits(const KeyOrder& order, const unsigned int* aux, int head) {
  const int own = head % order.list_heads * order.bits_heads / order.list_heads;
  return aux + order.bits_base + head / order.list_heads * order.bits_batch_stride + own * order.bits_head_stride;
}

// Of 32 rows that begin at a multiple of 32, the bits of column lane % 32.
__device__ __forceinline__ unsigned int order_column(const unsigned int* words, int lane) {
  unsigned int chosen = 0u;
#pragma unroll
  for (int i = 0; i < 32; i++) chosen |= ((words[(lane & 0xe0) + i] >> (lane & 31)) & 1u) << i;
  return chosen;
}

// Where the parts of each query begin. A block for each list head.
${kernel("parts")} {
  extern __shared__ __align__(1024) unsigned char shared_memory[];
  unsigned int* sums = reinterpret_cast<unsigned int*>(shared_memory);
  const int lane = threadIdx.x;
  const unsigned int* bits = order_bits(order, aux, blockIdx.x);
  unsigned int* starts = lists + order.row_base + static_cast<long long>(blockIdx.x) * (order.rows + 1);
  unsigned int before = 0u;
  for (int first = 0; first < order.rows; first += 256) {
    const int row = first + lane;
    unsigned int own = 0u;
    if (row < order.rows) {
      own = order.rest;
      for (int i = 0; i < order.bits_row_stride; i++) own += __popc(bits[row * order.bits_row_stride + i]);
    }
    running_sums(sums, lane, own);
    if (row < order.rows) starts[row] = before + sums[lane] - own;
    before += sums[255];
    block_barrier();
  }
  if (lane == 0) starts[order.rows] = before;
}

// How many queries chose each block, and how many blocks the tiles of queries need. A block for each list head and word of a row.
${kernel("count")} {
  extern __shared__ __align__(1024) unsigned char shared_memory[];
  unsigned int* words = reinterpret_cast<unsigned int*>(shared_memory);
  const int lane = threadIdx.x;
  const int head = blockIdx.x / order.bits_row_stride;
  const int word = blockIdx.x % order.bits_row_stride;
  const unsigned int* bits = order_bits(order, aux, head) + word;
  unsigned int own = 0u;
  for (int first = 0; first < order.rows; first += 256) {
    const int row = first + lane;
    words[lane] = row < order.rows ? bits[row * order.bits_row_stride] : 0u;
    block_barrier();
    own += __popc(order_column(words, lane));
    block_barrier();
  }
  words[lane] = own;
  block_barrier();
  const int column = word * 32 + lane;
  if (lane < 32 && column < order.columns) {
    unsigned int all = 0u;
    for (int i = lane; i < 256; i += 32) all += words[i];
    lists[order.start_base + static_cast<long long>(head) * (order.columns + 1) + column] = all;
  }
  block_barrier();
  unsigned int unions = 0u;
  for (int first = lane * order.whole_rows; first < order.rows; first += 256 * order.whole_rows) {
    unsigned int any = 0u;
    for (int row = first; row < min(first + order.whole_rows, order.rows); row++) any |= bits[row * order.bits_row_stride];
    unions += __popc(any);
  }
  running_sums(words, lane, unions);
  if (lane == 0) lists[order.union_base + blockIdx.x] = words[255];
}

// One block: where the entries and the tiles of each block of keys begin, and which order goes first.
${kernel("choose")} {
  extern __shared__ __align__(1024) unsigned char shared_memory[];
  unsigned int* sums = reinterpret_cast<unsigned int*>(shared_memory);
  float* shares = reinterpret_cast<float*>(sums + 256);
  const int lane = threadIdx.x;
  float tiles_of_all = 0.0f;
  float parts_of_all = 0.0f;
  float unions = 0.0f;
  bool fits = true;
  for (int head = 0; head < order.total_heads; head++) {
    unsigned int* starts = lists + order.start_base + static_cast<long long>(head) * (order.columns + 1);
    unsigned int* tiles = lists + order.tile_base + static_cast<long long>(head) * (order.columns + 1);
    unsigned int entries_before = 0u;
    unsigned int tiles_before = 0u;
    for (int first = 0; first < order.columns; first += 256) {
      const int column = first + lane;
      const unsigned int own = column < order.columns ? starts[column] : 0u;
      running_sums(sums, lane, own);
      if (column < order.columns) starts[column] = entries_before + sums[lane] - own;
      entries_before += sums[255];
      block_barrier();
      const unsigned int own_tiles = (own * order.group + order.tile_q - 1) / order.tile_q;
      running_sums(sums, lane, own_tiles);
      if (column < order.columns) tiles[column] = tiles_before + sums[lane] - own_tiles;
      tiles_before += sums[255];
      block_barrier();
    }
    if (lane == 0) {
      starts[order.columns] = entries_before;
      tiles[order.columns] = tiles_before;
    }
    const unsigned int parts = lists[order.row_base + static_cast<long long>(head) * (order.rows + 1) + order.rows];
    fits = fits && parts <= static_cast<unsigned int>(order.capacity) && tiles_before <= static_cast<unsigned int>(order.most_tiles);
    tiles_of_all += static_cast<float>(tiles_before);
    parts_of_all += static_cast<float>(parts);
    for (int i = lane; i < order.bits_row_stride; i += 256)
      unions += static_cast<float>(lists[order.union_base + static_cast<long long>(head) * order.bits_row_stride + i]);
  }
  shares[lane] = unions;
  block_barrier();
  if (lane != 0) return;
  float unions_of_all = 0.0f;
  for (int i = 0; i < 256; i++) unions_of_all += shares[i];
  const float by_queries = unions_of_all * static_cast<float>(order.whole_pairs);
  const float by_keys =
      tiles_of_all * static_cast<float>(order.tile_pairs) + parts_of_all * static_cast<float>(order.group * order.part_cost);
  lists[0] = fits && (order.always != 0 || by_keys < by_queries) ? 1u : 0u;
}

// The entries of each block of keys: its queries, rising, and the part that each has for it. Blocks as those of the counts.
${kernel("fill")} {
  if (lists[0] == 0u) return;
  extern __shared__ __align__(1024) unsigned char shared_memory[];
  unsigned int* words = reinterpret_cast<unsigned int*>(shared_memory);
  unsigned int* counts = words + 256;
  unsigned int* parts = counts + 256;
  const int lane = threadIdx.x;
  const int head = blockIdx.x / order.bits_row_stride;
  const int word = blockIdx.x % order.bits_row_stride;
  const unsigned int* bits = order_bits(order, aux, head);
  const unsigned int* rows = lists + order.row_base + static_cast<long long>(head) * (order.rows + 1);
  const int column = word * 32 + lane % 32;
  unsigned int* at = lists + order.entry_base + 2ll * head * order.capacity;
  if (column < order.columns) at += 2 * lists[order.start_base + static_cast<long long>(head) * (order.columns + 1) + column];
  for (int first = 0; first < order.rows; first += 256) {
    const int row = first + lane;
    unsigned int own = 0u;
    unsigned int part = 0u;
    if (row < order.rows) {
      own = bits[row * order.bits_row_stride + word];
      part = rows[row] + order.rest;
      for (int i = 0; i < word; i++) part += __popc(bits[row * order.bits_row_stride + i]);
    }
    words[lane] = own;
    parts[lane] = part;
    block_barrier();
    unsigned int chosen = order_column(words, lane);
    counts[lane] = __popc(chosen);
    block_barrier();
    unsigned int* entry = at;
    for (int i = lane % 32; i < 256; i += 32) {
      if (i < lane) entry += 2 * counts[i];
      at += 2 * counts[i];
    }
    const unsigned int below = (1u << (lane % 32)) - 1u;
    while (chosen != 0u) {
      const int i = (lane & 0xe0) + __ffs(static_cast<int>(chosen)) - 1;
      entry[0] = static_cast<unsigned int>(first + i);
      entry[1] = parts[i] + __popc(words[i] & below);
      entry += 2;
      chosen &= chosen - 1u;
    }
    block_barrier();
  }
}
`;
}
