import { MASKED } from "../../program/ir.js";
import type { TileProgram } from "../../program/ir.js";
import type { KeyOrderPrograms } from "../../program/lower.js";
import type { Schedule } from "../../schedule/schedule.js";
import { KEY_ORDER_STRUCT } from "../../../runtime/launch/key-order/fields.js";
import type { KeyOrderKernels, UniformField } from "../../../runtime/launch/module.js";
import { indent } from "../print/indent.js";
import { printKernel } from "./kernel.js";
import { chosenPosition } from "./mask-function.js";
import { mergeParts } from "./merge-parts.js";
import { storageFor } from "./storage.js";
import { floatLiteral } from "./text.js";
import { tilePlace } from "./tile-place.js";
import { tokenRows } from "./token-rows.js";
import type { TokenRows } from "./token-rows.js";
import { printUniforms } from "./dialect.js";
import type { Work } from "./work.js";

/**
 * The kernels of a launch in key order. Lists of the queries that chose each block, and the choice of the order, are made
 * before them by kernels that know no pattern (`runtime/launch/key-order`).
 * - `chosen`: a tile for so many of the queries that chose a block, whose parts go to slots;
 * - `rest`: query tiles of what the mask is without the selection, a part of each query;
 * - `merge`: adds up the parts of each query, weighed by their sums.
 */
export function printKeyOrderKernels(
  { chosen, rest }: KeyOrderPrograms,
  schedule: Schedule,
  uniforms: readonly UniformField[],
): KeyOrderKernels {
  return {
    chosen: printKernel(chosen, schedule, uniforms, chosenBlocks),
    ...(rest === undefined ? {} : { rest: printKernel(rest, schedule, uniforms, whatIsLeft) }),
    merge: printMerge(chosen, schedule, uniforms),
  };
}

const bindings = (): readonly string[] => [
  "// Word 0: whether keys go first. Fields of `order` say what lies behind it.",
  "@group(0) @binding(5) var<storage, read> lists: array<u32>;",
  "// [query head of the slice][part][value dim / 4, then the log2 of the sum].",
  "@group(0) @binding(6) var<storage, read_write> scratch: array<vec4<f32>>;",
  KEY_ORDER_STRUCT,
  "@group(0) @binding(7) var<uniform> order: KeyOrder;",
];

/** The workgroups of a list head are in z. Tiles of its blocks are numbered through: the last block that begins at a tile or before has it. */
function chosenBlocks({ tileQ, chosen }: TileProgram): Work {
  const { unit } = chosen!;
  return {
    of: "queries that chose a block of keys",
    place: `let tile_of_head = i32(workgroup.y * workgroups.x + workgroup.x);
let own_head = order.firstHead + i32(workgroup.z);
let tiles_at = order.tileBase + own_head * (order.columns + 1);
if (lists[0] == 0u || tile_of_head >= i32(lists[tiles_at + order.columns])) {
  return;
}
var block = 0;
var beyond = order.columns;
while (beyond - block > 1) {
  let middle = (block + beyond) / 2;
  if (i32(lists[tiles_at + middle]) <= tile_of_head) {
    block = middle;
  } else {
    beyond = middle;
  }
}
let starts_at = order.startBase + own_head * (order.columns + 1) + block;
let items = i32(lists[starts_at + 1] - lists[starts_at]) * order.group;
let entries = order.entryBase + 2 * (own_head * order.capacity + i32(lists[starts_at]));
let slots = i32(workgroup.z) * order.group * order.capacity;
let first_row = (tile_of_head - i32(lists[tiles_at + block])) * ${tileQ};
let b = own_head / order.listHeads;
let h = (own_head % order.listHeads) * order.group;
let kvh = h / (u.heads / u.kv_heads);
let q0 = ${chosenPosition("first_row")};
let q1 = ${chosenPosition(`first_row + ${tileQ - 1}`)};
let key_begin = block * ${unit};
let key_end = min(key_begin + ${unit}, u.keys);`,
    rows: chosenRows,
    bindings,
    inParts: false,
  };
}

/** Rows are the items of a block: each of its queries, with the heads of a group one after another. */
const chosenRows: TokenRows = {
  keepsKeys: false,
  functions: `// The query of an item, as a row of the call's queries.
fn chosen_query(entries: i32, item: i32) -> i32 {
  return i32(lists[entries + 2 * (item / order.group)]);
}

// The same as a row of the tensor, from the first head of the group on.
fn chosen_row(entries: i32, item: i32) -> i32 {
  return (item % order.group) * u.queries + chosen_query(entries, item);
}
`,
  hasQuery: (row) => `${row} < items`,
  query: (row) => `chosen_row(entries, ${row})`,
  heldQuery: (row) => `chosen_row(entries, min(${row}, items - 1))`,
  position: (own) => chosenPosition(`first_row + ${own}`),
  maskRow: (own) => `first_row + ${own}`,
  slot: (row) => `slots + ((${row}) % order.group) * order.capacity + i32(lists[entries + 2 * ((${row}) / order.group) + 1])`,
  keys: {
    first: "k0",
    last: "k1",
    count: "key_end",
    kept: false,
    key: (place) => place,
    heldKey: (place) => `min(${place}, key_end - 1)`,
    looksAt: (row, place) => `looks_at(${row}, ${place}, entries, items, key_end, h, kvh, b)`,
  },
};

/** Query tiles of the heads of a slice. */
function whatIsLeft(program: TileProgram, schedule: Schedule): Work {
  return {
    of: "queries",
    place: `let index = i32(workgroup.y * workgroups.x + workgroup.x);
if (lists[0] == 0u || index >= u.tiles * order.group * order.sliceHeads) {
  return;
}
let id = index + order.firstHead * order.group * u.tiles;
let slots = index / u.tiles * order.capacity;
let row_starts = order.rowBase + (order.firstHead + index / u.tiles / order.group) * (order.rows + 1);
${tilePlace(program)}`,
    rows: { ...tokenRows(program, schedule), slot: (row) => `slots + i32(lists[row_starts + ${row}])` },
    bindings,
    inParts: false,
  };
}

/** A thread for each four values of a row of the slice's outputs. */
function printMerge({ module }: TileProgram, schedule: Schedule, uniforms: readonly UniformField[]): string {
  const storage = storageFor(schedule.half);
  const vectors = module.shape.valueDim / 4;
  const at = `(slot + part) * ${vectors + 1}`;
  return [
    `// ${module.name}: the parts of each query, merged.`,
    ...(storage.enable ? [storage.enable] : []),
    printUniforms(uniforms),
    KEY_ORDER_STRUCT,
    "",
    "@group(0) @binding(0) var<uniform> u: Uniforms;",
    "@group(0) @binding(1) var<storage, read> lists: array<u32>;",
    "@group(0) @binding(2) var<storage, read> scratch: array<vec4<f32>>;",
    `@group(0) @binding(3) var<storage, read_write> output: array<${storage.type}>;`,
    "@group(0) @binding(4) var<storage, read_write> lse: array<f32>;",
    "@group(0) @binding(5) var<uniform> order: KeyOrder;",
    "",
    `const MASKED = f32(${floatLiteral(MASKED)});`,
    "",
    "@compute @workgroup_size(64)",
    `fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = i32((workgroup.y * workgroups.x + workgroup.x) * 64u + lane);
  let group = index % ${vectors};
  let row = index / ${vectors} % order.rows;
  // A query head of the slice, and its list head.
  let own = index / ${vectors} / order.rows;
  if (lists[0] == 0u || own >= order.group * order.sliceHeads) {
    return;
  }
  let starts = order.rowBase + (order.firstHead + own / order.group) * (order.rows + 1) + row;
  let slot = own * order.capacity + i32(lists[starts]);
  let parts = i32(lists[starts + 1] - lists[starts]);
${indent(mergeParts(at, "(order.firstHead * order.group + own) * u.queries + row", vectors, storage))}
}
`,
  ].join("\n");
}
