/**
 * What the kernels of a launch in key order are told beside the operator's uniforms, in the order of their struct: 32-bit
 * integers. A *list head* has lists of its own: one query head, or all heads of a group that read the same keys and chose
 * the same blocks. List heads are counted over all batch entries. Bases and strides count 4-byte words.
 */
export const KEY_ORDER_FIELDS = [
  /** List heads of a batch entry, query heads of each, and list heads of all batch entries. */
  "listHeads",
  "group",
  "totalHeads",
  /** Those of the present slice: the first, and how many. */
  "firstHead",
  "sliceHeads",
  /** Queries, blocks of keys, and keys of a block. */
  "rows",
  "columns",
  "unit",
  /** The bits `[batch entry][head][query][block]` in the aux buffer. */
  "bitsHeads",
  "bitsBase",
  "bitsBatchStride",
  "bitsHeadStride",
  "bitsRowStride",
  /** Rows of a tile of key order, and the pairs that it computes of a block. */
  "tileQ",
  "tilePairs",
  /** Queries of a tile of query order, and the pairs that the tiles of a list head's heads compute of a block with them. */
  "wholeRows",
  "wholePairs",
  /** 1 where each query has a part of what is left of the mask, before those of its blocks; else 0. */
  "rest",
  /** Parts for which a list head has room, for each of its query heads. */
  "capacity",
  /** In the buffer of lists: where each query's parts begin, `[list head][rows + 1]`; */
  "rowBase",
  /** where the entries of each block begin, and its tiles, `[list head][columns + 1]`; */
  "startBase",
  "tileBase",
  /** how many pairs of a tile of queries and a block there are, `[list head][word of a row]`; */
  "unionBase",
  /** and entries, a query and its part, `[list head][capacity][2]`. */
  "entryBase",
  /** What writing a part and merging it costs, in pairs of a query and a key. */
  "partCost",
  /** 1 where key order is taken wherever there is room for it. */
  "always",
  /** Tiles of a list head that a launch has workgroups for. */
  "mostTiles",
  /** Workgroups of the kernel of query order, in x and y. */
  "wholeX",
  "wholeY",
] as const;

export type KeyOrderField = (typeof KEY_ORDER_FIELDS)[number];

/** The struct in WGSL. */
export const KEY_ORDER_STRUCT = `struct KeyOrder {\n${KEY_ORDER_FIELDS.map((name) => `  ${name}: i32,`).join("\n")}\n}`;

/** Their words, padded to 16 bytes. */
export function keyOrderWords(fields: Readonly<Record<KeyOrderField, number>>): Int32Array<ArrayBuffer> {
  const words = new Int32Array(Math.ceil(KEY_ORDER_FIELDS.length / 4) * 4);
  KEY_ORDER_FIELDS.forEach((name, i) => (words[i] = fields[name]));
  return words;
}
