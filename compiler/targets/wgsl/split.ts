import { MASKED } from "../../program/ir.js";
import type { TileProgram } from "../../program/ir.js";
import type { Schedule } from "../../schedule/schedule.js";
import * as t from "../../tiles/expr.js";
import type { KeyRange } from "../../tiles/ranges.js";
import type { UniformField } from "../../../runtime/launch/module.js";
import { printHelpers } from "./helpers.js";
import { printKernel } from "./kernel.js";
import { mergeParts } from "./merge-parts.js";
import { isTrue } from "./key-tiles.js";
import { indent } from "../print/indent.js";
import { ScalarPrinter } from "../print/scalars.js";
import { storageFor } from "./storage.js";
import { floatLiteral, KernelText } from "./text.js";
import { tilePlace } from "./tile-place.js";
import { tokenRows } from "./token-rows.js";
import { declare, printUniforms, wgsl } from "./dialect.js";
import { partsOfTiles } from "./work.js";

/**
 * The kernels of a launch that cuts long rows into parts, for calls with few query tiles (decoding) and
 * patterns some of whose rows are much longer than others:
 * - `plan` counts the key tiles in the ranges of each query tile and cuts those with more than a share;
 * - `parts` is the kernel of whole tiles, in which a workgroup may have a part of the keys of one;
 * - `merge` adds up the parts of a tile, weighed by their sums: `O = sum of 2^(s_i - s) O_i`.
 */
export interface SplitKernels {
  readonly plan: string;
  readonly parts: string;
  readonly merge: string;
}

export function printSplitKernels(program: TileProgram, schedule: Schedule, uniforms: readonly UniformField[]): SplitKernels {
  return {
    plan: printPlanKernel(program, uniforms),
    parts: printKernel(program, schedule, uniforms, partsOfTiles),
    merge: printMergeKernel(program, schedule, uniforms),
  };
}

const THREADS = 256;

/**
 * One workgroup. The share is so long that parts are no more than twice `u.busy`: a tile with n key tiles
 * has at most n / share + 1 of them, and fewer than sum / share tiles are longer than a share.
 */
function printPlanKernel(program: TileProgram, uniforms: readonly UniformField[]): string {
  const ranges = program.body.flatMap((stmt) => (stmt.op === "keyTiles" ? stmt.ranges : []));
  const lists = program.body.flatMap((stmt) => (stmt.op === "keyTiles" && stmt.list !== undefined ? [stmt.list] : []));
  const count = printCount(program, ranges, lists);
  return [
    `// ${program.module.name}: which query tiles are computed in parts.`,
    printUniforms(uniforms),
    "",
    "@group(0) @binding(0) var<uniform> u: Uniforms;",
    "@group(0) @binding(1) var<storage, read> aux: array<u32>;",
    "// Slots in use, a word; parts and first slot of each tile; tile and part of each slot.",
    "@group(0) @binding(2) var<storage, read_write> plan: array<u32>;",
    "",
    `var<workgroup> sums: array<f32, ${THREADS}>;`,
    "var<workgroup> next: atomic<u32>;",
    "",
    ...printHelpers(program.module, count).flatMap((text) => [text, ""]),
    count,
    "",
    `@compute @workgroup_size(${THREADS})`,
    `fn main(@builtin(local_invocation_index) lane: u32) {
  let total = u.tiles * u.heads * u.batch;
  var own = 0.0;
  for (var id = i32(lane); id < total; id += ${THREADS}) {
    own += f32(key_tiles(id));
  }
  sums[lane] = own;
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0; i < ${THREADS}; i++) {
    sum += sums[i];
  }
  let share = max(u.least_share, i32(ceil(sum / f32(u.busy))));
  for (var id = i32(lane); id < total; id += ${THREADS}) {
    var parts = (key_tiles(id) + share - 1) / share;
    var first = 0u;
    if (parts > 1) {
      first = atomicAdd(&next, u32(parts));
      // More than there is room for would be a wrong bound: the tile is then computed whole.
      if (i32(first) + parts > u.slots) {
        parts = 1;
      }
    }
    plan[2 + 2 * id] = u32(max(parts, 1));
    plan[3 + 2 * id] = first;
    for (var part = 0; part < parts && parts > 1; part++) {
      plan[2 + 2 * (total + i32(first) + part)] = u32(id);
      plan[3 + 2 * (total + i32(first) + part)] = u32(part);
    }
  }
  workgroupBarrier();
  if (lane == 0u) {
    plan[0] = min(atomicLoad(&next), u32(u.slots));
  }
}
`,
  ].join("\n");
}

/** Key tiles in the ranges and lists of a query tile; one that two ranges hold counts twice. None where a layout's tile has no query. */
function printCount(program: TileProgram, ranges: readonly KeyRange[], lists: readonly string[]): string {
  const ends = ranges.map(({ lo, hi }) => [t.max(lo, t.int(0)), t.min(hi, t.variable("N"))] as const);
  const { queries } = program;
  const scalars = new ScalarPrinter(wgsl, [...(queries === undefined ? [] : [queries]), ...ends.flat()]);
  const text = new KernelText();
  text.line(tilePlace(program));
  const shareValues = (): void => {
    for (const shared of scalars.outer.splice(0)) text.line(declare(shared));
  };
  if (queries !== undefined && !isTrue(queries)) {
    const holds = scalars.print(queries);
    shareValues();
    text.line(`if (!(${holds})) {\n  return 0;\n}`);
  }
  const counts = ends.map(([lo, hi], i) => {
    const [first, end] = [scalars.print(lo), scalars.print(hi)];
    shareValues();
    text.line(`let first_${i} = ${first};`);
    text.line(`let end_${i} = ${end};`);
    return `select(0, (end_${i} + ${program.tileK - 1}) / ${program.tileK} - first_${i} / ${program.tileK}, first_${i} < end_${i})`;
  });
  const listed = lists.map((list) => `(i32(aux[list_${list}(b, h)]) + ${program.tileK - 1}) / ${program.tileK}`);
  text.line(`return ${[...counts, ...listed].join(" + ") || "0"};`);
  return `fn key_tiles(id: i32) -> i32 {\n${text.toString()}\n}`;
}

function printMergeKernel(program: TileProgram, schedule: Schedule, uniforms: readonly UniformField[]): string {
  const storage = storageFor(schedule.half);
  const { tileQ } = program;
  const tokens = tokenRows(program, schedule);
  const vectors = program.module.shape.valueDim / 4;
  const row = `((slot + part) * ${tileQ} + row) * ${vectors + 1}`;
  const place = new KernelText();
  place.line(tilePlace(program));
  return [
    `// ${program.module.name}: the parts of each query tile, merged.`,
    ...(storage.enable ? [storage.enable] : []),
    printUniforms(uniforms),
    "",
    "@group(0) @binding(0) var<uniform> u: Uniforms;",
    "@group(0) @binding(1) var<storage, read> aux: array<u32>;",
    "@group(0) @binding(2) var<storage, read> plan: array<u32>;",
    "@group(0) @binding(3) var<storage, read> scratch: array<vec4<f32>>;",
    `@group(0) @binding(4) var<storage, read_write> output: array<${storage.type}>;`,
    "@group(0) @binding(5) var<storage, read_write> lse: array<f32>;",
    "",
    `const MASKED = f32(${floatLiteral(MASKED)});`,
    "",
    ...printHelpers(program.module, tokens.functions).flatMap((text) => [text, ""]),
    ...(tokens.functions === "" ? [] : [tokens.functions]),
    "@compute @workgroup_size(64)",
    `fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let slot = i32(workgroup.y * workgroups.x + workgroup.x);
  let total = u.tiles * u.heads * u.batch;
  // The workgroup of a tile's first part does it.
  if (slot >= i32(plan[0]) || plan[3 + 2 * (total + slot)] != 0u) {
    return;
  }
  let id = i32(plan[2 + 2 * (total + slot)]);
  let parts = i32(plan[2 + 2 * id]);`,
    place.toString(),
    `  for (var i = i32(lane); i < ${tileQ * vectors}; i += 64) {
    let row = i / ${vectors};
    let group = i % ${vectors};
    if (${tokens.hasQuery("first_row + row")}) {
${indent(mergeParts(row, `(b * u.heads + h) * u.queries + ${tokens.query("first_row + row")}`, vectors, storage), 3)}
    }
  }
}
`,
  ].join("\n");
}
