import type { KeyOrder } from "../../../tiles/key-order.js";
import type { MaskModule } from "../../../mask/ir.js";
import { printBool } from "../../print/expressions.js";
import { indent } from "../../print/indent.js";
import { ScalarPrinter } from "../../print/scalars.js";
import { cpp } from "../dialect.js";
import { conditionIn, printPatternStruct } from "../pattern.js";

/**
 * `Pattern`, `Place`, `KeyTiles` and `Slots` for blocks that work block of keys by block of keys: the rows of a tile are
 * queries that chose its block, with the heads of a group one after another for each.
 */
export function printChosenBlocks(module: MaskModule, { unit, chosen }: KeyOrder): string {
  const walk = printKeyTiles(chosen);
  const looks = `// Whether the query at position q looks at the key at k of a block that it chose.
__device__ __forceinline__ bool looks_in_block(int q, int k) const {
  return ${printBool(chosen.mask, cpp)};
}`;
  return `${printPatternStruct(module, [chosen.mask], looks, looks + walk)}
struct Place : Pattern {
  const KeyOrder& order;
  // The entries of the block, a query and its part each; how many rows they are; the first row of the tile, and of its head's slots.
  const unsigned int* entries;
  int items;
  int first_row;
  long long first_slot;
  // Keys of the block, the end not included.
  int key_begin;
  int key_end;
  // Positions of the tile's queries, both ends included.
  int q0;
  int q1;

  // Whether there is a tile of a number: a list head has as many as its blocks have, and numbers for as many as there is room for.
  __device__ __forceinline__ static bool exists(const KeyOrder& order, const unsigned int* lists, int id) {
    const int head = order.first_head + id / order.most_tiles;
    return id % order.most_tiles < static_cast<int>(lists[order.tile_base + static_cast<long long>(head) * (order.columns + 1) + order.columns]);
  }

  // Tiles are numbered through: the last block that begins at a tile or before has it.
  __device__ __forceinline__ Place(const Uniforms& uniforms, const unsigned int* words, const KeyOrder& fields, const unsigned int* lists, int id, int tile_q)
      : Pattern{uniforms, words, 0, 0, 0}, order(fields) {
    const int own = id / order.most_tiles;
    const int tile = id % order.most_tiles;
    const int head = order.first_head + own;
    const unsigned int* tiles = lists + order.tile_base + static_cast<long long>(head) * (order.columns + 1);
    int block = 0;
    int beyond = order.columns;
    while (beyond - block > 1) {
      const int middle = (block + beyond) / 2;
      if (static_cast<int>(tiles[middle]) <= tile) block = middle;
      else beyond = middle;
    }
    const unsigned int* starts = lists + order.start_base + static_cast<long long>(head) * (order.columns + 1) + block;
    items = static_cast<int>(starts[1] - starts[0]) * order.group;
    entries = lists + order.entry_base + 2 * (static_cast<long long>(head) * order.capacity + starts[0]);
    first_row = (tile - static_cast<int>(tiles[block])) * tile_q;
    first_slot = static_cast<long long>(own) * order.group * order.capacity;
    b = head / order.list_heads;
    h = head % order.list_heads * order.group;
    kvh = h / (u.heads / u.kv_heads);
    key_begin = block * ${unit};
    key_end = min(key_begin + ${unit}, u.keys);
    q0 = position(0);
    q1 = position(tile_q - 1);
  }

  // The row among those of the block, held within them.
  __device__ __forceinline__ int item(int row) const { return min(first_row + row, items - 1); }
  __device__ __forceinline__ int query(int row) const { return static_cast<int>(entries[2 * (item(row) / order.group)]); }
  __device__ __forceinline__ bool has_query(int row) const { return first_row + row < items; }
  __device__ __forceinline__ long long query_row(int row) const {
    return static_cast<long long>(b * u.heads + h + item(row) % order.group) * u.queries + query(row);
  }
  __device__ __forceinline__ int position(int row) const { return u.offset + query(row); }
  // Which part of the slice a row is.
  __device__ __forceinline__ long long slot(int row) const {
    return first_slot + static_cast<long long>(item(row) % order.group) * order.capacity + entries[2 * (item(row) / order.group) + 1];
  }

  __device__ __forceinline__ bool looks(int q, int k) const { return k < key_end && looks_in_block(q, k); }
  __device__ __forceinline__ bool has_key(int k) const { return k < key_end; }
  __device__ __forceinline__ long long key_row(int k) const {
    return static_cast<long long>(b * u.kv_heads + kvh) * u.keys + min(k, key_end - 1);
  }
};

${walk}

struct Slots {
  const Place& place;
  float* parts;
  __device__ __forceinline__ long long of(int row) const { return place.slot(row); }
};
`;
}

/** The tiles of the block, from its first key on. */
function printKeyTiles({ may, must }: KeyOrder["chosen"]): string {
  const scalars = new ScalarPrinter(cpp, [may, must]);
  const asked = conditionIn(scalars, may);
  const whole = conditionIn(scalars, must);
  const { outer } = scalars;
  return `// How far the walk over the keys of a block has come.
struct Walk {
  int key;
  // Whether some pair of the present tile is not looked at.
  bool masked;
${indent(outer.map(({ name, type }) => `${type} ${name};`).join("\n"))}
};

template <int TILE_K>
struct KeyTiles : Place, Walk {
  __device__ __forceinline__ KeyTiles(const Place& place, const Walk& walk) : Place(place), Walk(walk) {}
  __device__ inline explicit KeyTiles(const Place& place) : Place(place), Walk{} {
${indent(outer.map(({ name, text }) => `${name} = ${text};`).join("\n"), 2)}
    key = key_begin;
    find();
  }

  __device__ __forceinline__ bool more() const { return key < key_end; }
  __device__ __forceinline__ bool full() const { return more() && !masked; }
  __device__ __forceinline__ bool partial() const { return more() && masked; }
  __device__ __forceinline__ int first_key() const { return key; }
  __device__ __forceinline__ void next() {
    key += TILE_K;
    find();
  }

 private:
  // Moves to the first tile from the present one on that is looked at.
  __device__ inline void find() {
    for (; more(); key += TILE_K) {
      const int k0 = key;
      [[maybe_unused]] const int k1 = min(k0 + TILE_K, key_end) - 1;
${indent(asked.lines.join("\n"), 3)}
      if (!(${asked.text})) continue;
${indent(whole.lines.join("\n"), 3)}
      masked = key_end < k0 + TILE_K || !(${whole.text});
      return;
    }
  }
};`.replace(/^\s*\n(?=\n)/gm, "");
}
