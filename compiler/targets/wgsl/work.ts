import type { TileProgram } from "../../program/ir.js";
import type { Schedule } from "../../schedule/schedule.js";
import type { Storage } from "./storage.js";
import { tilePlace } from "./tile-place.js";
import { tokenRows } from "./token-rows.js";
import type { TokenRows } from "./token-rows.js";

/** What a workgroup of a kernel is for: which tile it has, where its rows lie, and where its results go. */
export interface Work {
  /** What the rows of a tile are, for people. */
  readonly of: string;
  /** The first lines: the tile's head and batch entry, its first row and its positions. */
  readonly place: string;
  readonly rows: TokenRows;
  /** Bindings behind those of q, k, v and aux. */
  readonly bindings: (storage: Storage) => readonly string[];
  /** A workgroup may have a part of a tile's keys, whose result goes to `scratch`, to be merged. */
  readonly inParts: boolean;
}

const outputs = (storage: Storage): readonly string[] => [
  `@group(0) @binding(5) var<storage, read_write> output: array<${storage.type}>;`,
  "@group(0) @binding(6) var<storage, read_write> lse: array<f32>;",
];

/** Each workgroup has a query tile of its own. */
export const wholeTiles = (program: TileProgram, schedule: Schedule): Work => ({
  of: "queries",
  place: `let id = i32(workgroup.y * workgroups.x + workgroup.x);
if (id >= u.tiles * u.heads * u.batch) {
  return;
}
${tilePlace(program)}`,
  rows: tokenRows(program, schedule),
  bindings: outputs,
  inParts: false,
});

/** The parts of long tiles come first; then a workgroup for each tile, which leaves those that are in parts. */
export const partsOfTiles = (program: TileProgram, schedule: Schedule): Work => ({
  of: "queries",
  place: `let index = i32(workgroup.y * workgroups.x + workgroup.x);
let total = u.tiles * u.heads * u.batch;
var id = index - u.slots;
var part = 0;
var parts = 1;
if (index < u.slots) {
  if (index >= i32(plan[0])) {
    return;
  }
  id = i32(plan[2 + 2 * (total + index)]);
  part = i32(plan[3 + 2 * (total + index)]);
  parts = i32(plan[2 + 2 * id]);
} else {
  if (id >= total) {
    return;
  }
  if (plan[2 + 2 * id] > 1u) {
    return;
  }
}
${tilePlace(program)}`,
  rows: tokenRows(program, schedule),
  bindings: (storage) => [
    ...outputs(storage),
    "@group(0) @binding(7) var<storage, read> plan: array<u32>;",
    "// [slot][query of the tile][value dim / 4, then the log2 of the sum].",
    "@group(0) @binding(8) var<storage, read_write> scratch: array<vec4<f32>>;",
  ],
  inParts: true,
});
