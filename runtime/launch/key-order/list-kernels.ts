import { SCAN_WGSL } from "../prepare/scan.js";
import { KEY_ORDER_STRUCT } from "./fields.js";

/**
 * The kernels that make the lists of a launch in key order from the bits `[query, block]` of a selection, and that choose the
 * order. They know no pattern, read nothing back and give the same lists on every device: counts and ranks, no races.
 * Bindings of group 0: 0 the fields of the order, 1 aux, 2 the lists, and of `choose` 3 the workgroups of query order.
 */
const HEAD = /* wgsl */ `${KEY_ORDER_STRUCT}

@group(0) @binding(0) var<uniform> order: KeyOrder;
@group(0) @binding(1) var<storage, read> aux: array<u32>;
@group(0) @binding(2) var<storage, read_write> lists: array<u32>;

// The first word of the bits of a list head's queries.
fn bits_of(head: i32) -> i32 {
  let b = head / order.listHeads;
  let own = head % order.listHeads * order.bitsHeads / order.listHeads;
  return order.bitsBase + b * order.bitsBatchStride + own * order.bitsHeadStride;
}
`;

const MAIN = /* wgsl */ `
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let id = i32(workgroup.y * workgroups.x + workgroup.x);`;

/** Where the parts of each query begin. A workgroup for each list head. */
export const PARTS_OF_ROWS_WGSL = `${HEAD}${SCAN_WGSL}${MAIN}
  if (id >= order.totalHeads) {
    return;
  }
  let bits = bits_of(id);
  let starts = order.rowBase + id * (order.rows + 1);
  var before = 0u;
  for (var first = 0; first < order.rows; first += 256) {
    let row = first + i32(lane);
    var own = 0u;
    if (row < order.rows) {
      own = u32(order.rest);
      for (var i = 0; i < order.bitsRowStride; i++) {
        own += countOneBits(aux[bits + row * order.bitsRowStride + i]);
      }
    }
    scan(lane, own);
    if (row < order.rows) {
      lists[starts + row] = before + sums[lane] - own;
    }
    before += sums[255];
    workgroupBarrier();
  }
  if (lane == 0u) {
    lists[starts + order.rows] = before;
  }
}
`;

/**
 * Thread c + 32 g looks at column c of 32 rows from 32 g on, as bits of \`chosen\`: \`rank\` of them come before, of all rows
 * so far.
 */
const TURNED = /* wgsl */ `
var<workgroup> words: array<u32, 256>;
var<workgroup> counts: array<u32, 256>;

fn column_of(lane: u32) -> u32 {
  var chosen = 0u;
  for (var i = 0u; i < 32u; i++) {
    chosen |= ((words[(lane & 0xe0u) + i] >> (lane & 31u)) & 1u) << i;
  }
  return chosen;
}
`;

/** A workgroup for each list head and word of a row: its list head, its word, and the words of rows one after another. */
const WORD_OF_HEAD = /* wgsl */ `
  let head = id / order.bitsRowStride;
  let word = id % order.bitsRowStride;
  if (head >= order.totalHeads) {
    return;
  }
  let bits = bits_of(head);
  let column = word * 32 + i32(lane & 31u);`;

/** How many queries chose each block, and how many blocks the query tiles need: those that one of their queries chose. */
export const COUNT_WGSL = `${HEAD}${TURNED}
var<workgroup> pairs: atomic<u32>;
${MAIN}${WORD_OF_HEAD}
  var before = 0u;
  for (var first = 0; first < order.rows; first += 256) {
    let row = first + i32(lane);
    var own = 0u;
    if (row < order.rows) {
      own = aux[bits + row * order.bitsRowStride + word];
    }
    words[lane] = own;
    workgroupBarrier();
    before += countOneBits(column_of(lane));
    workgroupBarrier();
  }
  counts[lane] = before;
  var unions = 0u;
  for (var first = i32(lane) * order.wholeRows; first < order.rows; first += 256 * order.wholeRows) {
    var any = 0u;
    for (var row = first; row < min(first + order.wholeRows, order.rows); row++) {
      any |= aux[bits + row * order.bitsRowStride + word];
    }
    unions += countOneBits(any);
  }
  atomicAdd(&pairs, unions);
  workgroupBarrier();
  if (lane < 32u && column < order.columns) {
    var all = 0u;
    for (var i = lane; i < 256u; i += 32u) {
      all += counts[i];
    }
    lists[order.startBase + head * (order.columns + 1) + column] = all;
  }
  if (lane == 0u) {
    lists[order.unionBase + id] = atomicLoad(&pairs);
  }
}
`;

/**
 * One workgroup: where the entries and the tiles of each block begin, and which order goes first. A tile of queries costs all
 * pairs of its queries with the blocks that any of them chose; in key order a block costs the pairs of its queries in tiles,
 * and each part on top. Where there is not room for all parts, queries go first.
 */
export const CHOOSE_WGSL = `${HEAD}
@group(0) @binding(3) var<storage, read_write> whole: array<u32>;
${SCAN_WGSL}
var<workgroup> shares: array<f32, 256>;
${MAIN}
  var tiles_of_all = 0.0;
  var parts_of_all = 0.0;
  var fits = true;
  var unions = 0.0;
  for (var head = 0; head < order.totalHeads; head++) {
    let starts = order.startBase + head * (order.columns + 1);
    let tiles = order.tileBase + head * (order.columns + 1);
    var entries_before = 0u;
    var tiles_before = 0u;
    for (var first = 0; first < order.columns; first += 256) {
      let column = first + i32(lane);
      var own = 0u;
      if (column < order.columns) {
        own = lists[starts + column];
      }
      scan(lane, own);
      if (column < order.columns) {
        lists[starts + column] = entries_before + sums[lane] - own;
      }
      entries_before += sums[255];
      workgroupBarrier();
      let own_tiles = (own * u32(order.group) + u32(order.tileQ - 1)) / u32(order.tileQ);
      scan(lane, own_tiles);
      if (column < order.columns) {
        lists[tiles + column] = tiles_before + sums[lane] - own_tiles;
      }
      tiles_before += sums[255];
      workgroupBarrier();
    }
    if (lane == 0u) {
      lists[starts + order.columns] = entries_before;
      lists[tiles + order.columns] = tiles_before;
    }
    let parts = lists[order.rowBase + head * (order.rows + 1) + order.rows];
    fits = fits && parts <= u32(order.capacity) && tiles_before <= u32(order.mostTiles);
    tiles_of_all += f32(tiles_before);
    parts_of_all += f32(parts);
    for (var i = i32(lane); i < order.bitsRowStride; i += 256) {
      unions += f32(lists[order.unionBase + head * order.bitsRowStride + i]);
    }
  }
  shares[lane] = unions;
  workgroupBarrier();
  if (lane != 0u) {
    return;
  }
  var unions_of_all = 0.0;
  for (var i = 0; i < 256; i++) {
    unions_of_all += shares[i];
  }
  let by_queries = unions_of_all * f32(order.wholePairs);
  let by_keys = tiles_of_all * f32(order.tilePairs) + parts_of_all * f32(order.group * order.partCost);
  let keys_first = fits && (order.always != 0 || by_keys < by_queries);
  lists[0] = select(0u, 1u, keys_first);
  whole[0] = select(u32(order.wholeX), 0u, keys_first);
  whole[1] = u32(order.wholeY);
  whole[2] = 1u;
}
`;

/** The entries of each block: its queries, rising, and the part that each has for it. */
export const FILL_WGSL = `${HEAD}${TURNED}
var<workgroup> parts: array<u32, 256>;
var<workgroup> keys_first: u32;
${MAIN}
  if (lane == 0u) {
    keys_first = lists[0];
  }
  if (workgroupUniformLoad(&keys_first) == 0u) {
    return;
  }${WORD_OF_HEAD}
  let rows = order.rowBase + head * (order.rows + 1);
  var at = order.entryBase + 2 * head * order.capacity;
  if (column < order.columns) {
    at += 2 * i32(lists[order.startBase + head * (order.columns + 1) + column]);
  }
  for (var first = 0; first < order.rows; first += 256) {
    let row = first + i32(lane);
    var own = 0u;
    var part = 0u;
    if (row < order.rows) {
      own = aux[bits + row * order.bitsRowStride + word];
      part = lists[rows + row] + u32(order.rest);
      for (var i = 0; i < word; i++) {
        part += countOneBits(aux[bits + row * order.bitsRowStride + i]);
      }
    }
    words[lane] = own;
    parts[lane] = part;
    workgroupBarrier();
    var chosen = column_of(lane);
    counts[lane] = countOneBits(chosen);
    workgroupBarrier();
    var entry = at;
    for (var i = lane & 31u; i < 256u; i += 32u) {
      if (i < lane) {
        entry += 2 * i32(counts[i]);
      }
      at += 2 * i32(counts[i]);
    }
    let below = (1u << (lane & 31u)) - 1u;
    while (chosen != 0u) {
      let i = (lane & 0xe0u) + firstTrailingBit(chosen);
      lists[entry] = u32(first) + i;
      lists[entry + 1] = parts[i] + countOneBits(words[i] & below);
      entry += 2;
      chosen &= chosen - 1u;
    }
    workgroupBarrier();
  }
}
`;
