import { MASKED } from "../../program/ir.js";
import type { Stmt, TileProgram } from "../../program/ir.js";
import { columnsPerThread, queryFloats, rowsPerThread, sharedFloats, threadsOf } from "../../schedule/schedule.js";
import type { Schedule } from "../../schedule/schedule.js";
import type { TileCond, TileExpr } from "../../tiles/expr.js";
import * as t from "../../tiles/expr.js";
import type { UniformField } from "../../../runtime/launch/module.js";
import { printHelpers } from "./helpers.js";
import { printMaskFunction } from "./mask-function.js";
import { TileOperations } from "./operations.js";
import { ScalarPrinter } from "./scalars.js";
import { storageFor } from "./storage.js";
import type { Storage } from "./storage.js";
import { floatLiteral, KernelText } from "./text.js";
import { printUniforms } from "./uniforms.js";

/**
 * Prints a tile program as one WGSL compute shader, laid on the threads as the schedule says.
 *
 * Scores are vec4s over query rows (`s_c_r`: key column c, row group r of the thread), so that row
 * maxima, factors and sums are vec4 operations and probabilities go to workgroup memory as they are.
 * The output is vec4s over value columns (`o_r_g`). Both are named variables: WGSL compilers keep
 * arrays that are indexed at run time in memory.
 */
export function printKernel(program: TileProgram, schedule: Schedule, uniforms: readonly UniformField[]): string {
  return new KernelPrinter(program, schedule, uniforms).print();
}

type KeyTiles = Extract<Stmt, { op: "keyTiles" }>;

class KernelPrinter {
  private readonly rows: number;
  private readonly columns: number;
  private readonly storage: Storage;
  private readonly scalars: ScalarPrinter;
  private readonly text = new KernelText();
  private readonly operations: TileOperations;

  constructor(
    private readonly program: TileProgram,
    private readonly schedule: Schedule,
    private readonly uniforms: readonly UniformField[],
  ) {
    this.rows = rowsPerThread(schedule);
    this.columns = columnsPerThread(schedule);
    this.storage = storageFor(schedule.half);
    this.scalars = new ScalarPrinter(scalarRoots(program.body));
    this.operations = new TileOperations(this.text, schedule, program.module.shape, this.storage);
  }

  print(): string {
    const { schedule: s, program } = this;
    const { headDim, valueDim } = program.module.shape;
    this.body(program.body);
    const main = this.text.toString();
    const looks = findMask(program.body);
    const mask = looks ? printMaskFunction(looks, this.rows, this.columns) : "";
    const shape = { headDim, valueDim, dtype: program.module.shape.dtype };
    const parts = [
      `// ${program.module.name} (${program.module.origin}), head dim ${headDim}, value dim ${valueDim}, ${s.name}.`,
      `// One workgroup of ${s.rowThreads} x ${s.columnThreads} threads for each tile of ${s.tileQ} queries; tiles of ${s.tileK} keys.`,
      ...(this.storage.enable ? [this.storage.enable] : []),
      "",
      printUniforms(this.uniforms),
      "",
      "@group(0) @binding(0) var<uniform> u: Uniforms;",
      ...["query", "key", "value"].map(
        (name, i) => `@group(0) @binding(${i + 1}) var<storage, read> ${name}: array<${this.storage.type}>;`,
      ),
      "@group(0) @binding(4) var<storage, read> aux: array<u32>;",
      `@group(0) @binding(5) var<storage, read_write> output: array<${this.storage.type}>;`,
      "@group(0) @binding(6) var<storage, read_write> lse: array<f32>;",
      "",
      "// [head dim][query / 4], scaled.",
      `var<workgroup> q_tile: array<vec4<f32>, ${queryFloats(s, shape) / 4}>;`,
      "// Keys of a chunk as [head dim][key / 4], then probabilities as [key][query / 4].",
      `var<workgroup> kp_tile: array<vec4<f32>, ${sharedFloats(s) / 4}>;`,
      "// One partial result per column of threads, as [thread column][query / 4].",
      `var<workgroup> partial: array<vec4<f32>, ${(s.columnThreads * s.tileQ) / 4}>;`,
      "",
      `const MASKED = f32(${floatLiteral(MASKED)});`,
      "",
      ...printHelpers(program.module, main + mask).flatMap((text) => [text, ""]),
      mask,
      `@compute @workgroup_size(${threadsOf(s)})`,
      "fn main(",
      "  @builtin(workgroup_id) workgroup: vec3<u32>,",
      "  @builtin(num_workgroups) workgroups: vec3<u32>,",
      "  @builtin(local_invocation_index) lane: u32,",
      ") {",
      main,
      "}",
      "",
    ];
    return parts.join("\n");
  }

  private body(body: readonly Stmt[]): void {
    this.prologue();
    for (const stmt of body) this.statement(stmt);
  }

  private prologue(): void {
    const { tileQ, columnThreads } = this.schedule;
    this.text.line(`// Tiles of a head one after another, the last first: under a causal mask it is the longest.
let id = i32(workgroup.y * workgroups.x + workgroup.x);
if (id >= u.tiles * u.heads * u.batch) {
  return;
}
let first_row = (u.tiles - 1 - id % u.tiles) * ${tileQ};
let h = (id / u.tiles) % u.heads;
let b = id / u.tiles / u.heads;
let kvh = h / (u.heads / u.kv_heads);
let q0 = u.offset + first_row;
let q1 = u.offset + min(first_row + ${tileQ}, u.queries) - 1;
let query_base = (b * u.heads + h) * u.queries;
let key_base = (b * u.kv_heads + kvh) * u.keys;
let row_thread = i32(lane) / ${columnThreads};
let column_thread = i32(lane) % ${columnThreads};
// The first query row, group of four rows and key column of this thread, within the tile.
let own_row = row_thread * ${this.rows};
let own_group = row_thread * ${this.rows / 4};
let own_column = column_thread * ${this.columns};`);
  }

  private statement(stmt: Stmt): void {
    switch (stmt.op) {
      case "keyTiles":
        return this.keyTiles(stmt);
      case "skipUnless":
        return this.skipUnless(stmt.cond);
      case "when":
        return this.when(stmt);
      default:
        return this.operations.print(stmt);
    }
  }

  private keyTiles(stmt: KeyTiles): void {
    const { tileK } = this.schedule;
    const count = stmt.ranges.length;
    if (count === 0) return;
    const before = this.text.mark();
    const inner = (): void => {
      this.text.line(`let k0 = tile * ${tileK};`);
      this.text.line(`let k1 = min(k0 + ${tileK}, u.keys) - 1;`);
      for (const s of stmt.body) this.statement(s);
    };
    const ends = stmt.ranges.map((range, i) => {
      const own = count === 1 ? "" : `_${i}`;
      this.text.line(`let first_key${own} = ${this.scalars.print(t.max(range.lo, t.int(0)))};`);
      this.text.line(`let end_key${own} = ${this.scalars.print(t.min(range.hi, t.variable("N")))};`);
      // Rounding out to tiles would give a range without keys a tile.
      const end = `select(0, (end_key${own} + ${tileK - 1}) / ${tileK}, first_key${own} < end_key${own})`;
      return { first: `first_key${own} / ${tileK}`, end };
    });
    if (count === 1) {
      this.text.line(`let first_tile = ${ends[0]!.first};`);
      this.text.line(`let end_tile = ${ends[0]!.end};`);
      this.text.block("for (var tile = first_tile; tile < end_tile; tile++)", inner);
    } else {
      this.text.line(`var first_tile: array<i32, ${count}>;`);
      this.text.line(`var end_tile: array<i32, ${count}>;`);
      ends.forEach(({ first, end }, i) => {
        this.text.line(`first_tile[${i}] = ${first};`);
        this.text.line(`end_tile[${i}] = ${end};`);
      });
      this.text.block(`for (var range = 0; range < ${count}; range++)`, () => {
        this.text.block("for (var tile = first_tile[range]; tile < end_tile[range]; tile++)", () => {
          this.text.line(`// Ranges may overlap: a tile that an earlier one holds has been visited.
var visited = false;
for (var earlier = 0; earlier < range; earlier++) {
  visited = visited || (first_tile[earlier] <= tile && tile < end_tile[earlier]);
}
if (visited) {
  continue;
}`);
          inner();
        });
      });
    }
    // What the conditions share and does not depend on the keys was found while printing the loop.
    before(["", ...this.scalars.outer.splice(0)]);
  }

  private condition(cond: TileCond): string {
    const text = this.scalars.print(cond);
    for (const shared of this.scalars.inner.splice(0)) this.text.line(shared);
    return text;
  }

  private skipUnless(cond: TileCond): void {
    if (cond.kind === "bool" && cond.value) return;
    this.text.line(`if (!(${this.condition(cond)})) {\n  continue;\n}`);
  }

  private when(stmt: Extract<Stmt, { op: "when" }>): void {
    this.text.block(`if (${this.condition(stmt.cond)})`, () => {
      for (const s of stmt.body) this.statement(s);
    });
  }
}

function findMask(body: readonly Stmt[]): Extract<Stmt, { op: "mask" }>["looks"] | undefined {
  for (const stmt of body) {
    if (stmt.op === "mask") return stmt.looks;
    if (stmt.op === "when" || stmt.op === "keyTiles") {
      const found = findMask(stmt.body);
      if (found) return found;
    }
  }
  return undefined;
}

/** Every scalar expression the printer will meet, so that it knows what is shared. */
function scalarRoots(body: readonly Stmt[]): readonly (TileExpr | TileCond)[] {
  return body.flatMap((stmt): readonly (TileExpr | TileCond)[] => {
    switch (stmt.op) {
      case "keyTiles":
        return [...stmt.ranges.flatMap((r) => [t.max(r.lo, t.int(0)), t.min(r.hi, t.variable("N"))]), ...scalarRoots(stmt.body)];
      case "skipUnless":
        return [stmt.cond];
      case "when":
        return [stmt.cond, ...scalarRoots(stmt.body)];
      default:
        return [];
    }
  });
}
