import { MASKED } from "../../program/ir.js";
import type { Stmt, TileProgram } from "../../program/ir.js";
import { rowsPerThread, threadsOf } from "../../schedule/schedule.js";
import type { Schedule } from "../../schedule/schedule.js";
import type { TileCond, TileExpr } from "../../tiles/expr.js";
import * as t from "../../tiles/expr.js";
import type { UniformField } from "../../../runtime/launch/module.js";
import { GridOperations } from "./grid-operations.js";
import { printHelpers } from "./helpers.js";
import { printMaskFunction } from "./mask-function.js";
import type { TileOperations } from "./operations.js";
import { RowsOperations } from "./rows-operations.js";
import { ScalarPrinter } from "./scalars.js";
import { storageFor } from "./storage.js";
import type { Storage } from "./storage.js";
import { floatLiteral, KernelText } from "./text.js";
import { tilePlace } from "./tile-place.js";
import { tokenRows } from "./token-rows.js";
import type { TokenRows } from "./token-rows.js";
import { printUniforms } from "./uniforms.js";

/**
 * Prints a tile program as one WGSL compute shader, laid on the threads as the schedule says. What a
 * thread owns is in named variables: WGSL compilers keep arrays that are indexed at run time in memory.
 */
export function printKernel(
  program: TileProgram,
  schedule: Schedule,
  uniforms: readonly UniformField[],
  work: "whole tiles" | "parts of tiles" = "whole tiles",
): string {
  return new KernelPrinter(program, schedule, uniforms, work === "parts of tiles").print();
}

type KeyTiles = Extract<Stmt, { op: "keyTiles" }>;

class KernelPrinter {
  private readonly storage: Storage;
  private readonly scalars: ScalarPrinter;
  private readonly text = new KernelText();
  private readonly tokens: TokenRows;
  private readonly operations: TileOperations;

  constructor(
    private readonly program: TileProgram,
    private readonly schedule: Schedule,
    private readonly uniforms: readonly UniformField[],
    private readonly inParts: boolean,
  ) {
    this.storage = storageFor(schedule.half);
    this.scalars = new ScalarPrinter([...(program.queries === undefined ? [] : [program.queries]), ...scalarRoots(program.body)]);
    const { shape } = program.module;
    this.tokens = tokenRows(program, schedule);
    this.operations =
      schedule.layout === "grid"
        ? new GridOperations(this.text, schedule, shape, this.storage, this.tokens, inParts)
        : new RowsOperations(this.text, schedule, shape, this.storage, this.tokens, inParts);
  }

  print(): string {
    const { schedule: s, program } = this;
    const { headDim, valueDim } = program.module.shape;
    this.body(program.body);
    const main = this.text.toString();
    const looks = findMask(program.body);
    const mask = looks ? printMaskFunction(looks, rowsPerThread(s), this.operations.columnsPerWord) : "";
    const parts = [
      `// ${program.module.name} (${program.module.origin}), head dim ${headDim}, value dim ${valueDim}, ${s.name}.`,
      `// One workgroup of ${threadsOf(s)} threads for each tile of ${s.tileQ} queries; tiles of ${s.tileK} keys.`,
      ...(this.storage.enable ? [this.storage.enable] : []),
      ...this.operations.enables,
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
      ...(this.inParts ? partBindings : []),
      "",
      ...this.operations.declarations(),
      `const MASKED = f32(${floatLiteral(MASKED)});`,
      "",
      ...spanHelper(program.body),
      ...printHelpers(program.module, main + mask + this.tokens.functions).flatMap((text) => [text, ""]),
      ...(this.tokens.functions === "" ? [] : [this.tokens.functions]),
      mask,
      `@compute @workgroup_size(${threadsOf(s)})`,
      "fn main(",
      "  @builtin(workgroup_id) workgroup: vec3<u32>,",
      "  @builtin(num_workgroups) workgroups: vec3<u32>,",
      "  @builtin(local_invocation_index) lane: u32,",
      ...this.operations.builtins,
      ") {",
      main,
      "}",
      "",
    ];
    return parts.join("\n");
  }

  private body(body: readonly Stmt[]): void {
    this.prologue();
    this.leaveWithoutQuery();
    for (const stmt of body) this.statement(stmt);
  }

  private prologue(): void {
    this.text.line(this.inParts ? ownPart : ownTile);
    this.text.line(`${tilePlace(this.program)}
let query_base = (b * u.heads + h) * u.queries;
let key_base = (b * u.kv_heads + kvh) * u.keys;
${this.operations.place()}`);
  }

  /** A tile of a layout that holds no query of the call has nothing to store. */
  private leaveWithoutQuery(): void {
    const { queries } = this.program;
    if (queries === undefined || isTrue(queries)) return;
    const holds = this.scalars.print(queries);
    for (const shared of this.scalars.outer.splice(0)) this.text.line(shared);
    this.text.line(`if (!(${holds})) {\n  return;\n}`);
  }

  private statement(stmt: Stmt): void {
    if (stmt.op === "keyTiles") return this.keyTiles(stmt);
    // The one branch of tile programs is the masking, inside of key tiles.
    if (stmt.op === "when" || stmt.op === "mask") throw new Error(`${stmt.op} where kernels have no place for it`);
    this.operations.print(stmt);
  }

  private keyTiles(stmt: KeyTiles): void {
    const { tileK } = this.schedule;
    const count = stmt.ranges.length;
    if (count === 0) return;
    const before = this.text.mark();
    const ends = stmt.ranges.map((range, i) => {
      const own = count === 1 ? "" : `_${i}`;
      this.text.line(`let first_key${own} = ${this.scalars.print(t.max(range.lo, t.int(0)))};`);
      this.text.line(`let end_key${own} = ${this.scalars.print(t.min(range.hi, t.variable("N")))};`);
      // Rounding out to tiles would give a range without keys a tile.
      const end = `select(0, (end_key${own} + ${tileK - 1}) / ${tileK}, first_key${own} < end_key${own})`;
      return { first: `first_key${own} / ${tileK}`, end };
    });
    if (count === 1) {
      if (this.inParts) {
        this.text.line(`let share = (max(${ends[0]!.end} - ${ends[0]!.first}, 0) + parts - 1) / parts;`);
        this.text.line(`let begin = ${ends[0]!.first} + part * share;`);
        this.text.line(`let end = min(${ends[0]!.end}, begin + share);`);
      } else this.text.line(`let end = ${ends[0]!.end};`);
      this.tilesOf(stmt, this.inParts ? "begin" : ends[0]!.first, () => undefined);
    } else {
      this.text.line(`var first_tile: array<i32, ${count}>;`);
      this.text.line(`var end_tile: array<i32, ${count}>;`);
      ends.forEach(({ first, end }, i) => {
        this.text.line(`first_tile[${i}] = ${first};`);
        this.text.line(`end_tile[${i}] = ${end};`);
      });
      if (this.inParts) {
        const tiles = ends.map((_, i) => `max(end_tile[${i}] - first_tile[${i}], 0)`).join(" + ");
        this.text.line(`let share = (${tiles} + parts - 1) / parts;`);
        this.text.line("var passed = 0;");
      }
      this.text.block(`for (var range = 0; range < ${count}; range++)`, () => {
        if (this.inParts) {
          this.text.line("let begin = first_tile[range] + max(part * share - passed, 0);");
          this.text.line("let end = min(end_tile[range], first_tile[range] + (part + 1) * share - passed);");
          this.text.line("passed += max(end_tile[range] - first_tile[range], 0);");
        } else this.text.line("let end = end_tile[range];");
        this.tilesOf(stmt, this.inParts ? "begin" : "first_tile[range]", () =>
          this.text.line(`// Ranges may overlap: a tile that an earlier one holds has been visited.
var visited = false;
for (var earlier = 0; earlier < range; earlier++) {
  visited = visited || (first_tile[earlier] <= tile && tile < end_tile[earlier]);
}
if (visited) {
  continue;
}`),
        );
      });
    }
    // What the conditions share and does not depend on the keys was found while printing the loop.
    before(["", ...this.scalars.outer.splice(0)]);
  }

  /** The loop over the tiles of one range, up to `end`. */
  private tilesOf(stmt: KeyTiles, first: string, leaveVisited: () => void): void {
    const { tileK } = this.schedule;
    if (stmt.spans.length === 0) {
      this.text.block(`for (var tile = ${first}; tile < end; tile++)`, () => {
        leaveVisited();
        this.text.line(`let k0 = tile * ${tileK};`);
        this.text.line(`let k1 = min(k0 + ${tileK}, u.keys) - 1;`);
        if (!isTrue(stmt.may)) this.text.line(`if (!(${this.condition(stmt.may)})) {\n  continue;\n}`);
        this.keyTile(stmt.body);
      });
      return;
    }
    this.text.line(`var tile = ${first};`);
    this.text.block("loop", () => {
      this.passOver(stmt);
      this.text.line("if (tile >= end) {\n  break;\n}");
      leaveVisited();
      this.text.line(`let k0 = tile * ${tileK};`);
      this.text.line(`let k1 = min(k0 + ${tileK}, u.keys) - 1;`);
      this.keyTile(stmt.body);
      this.text.block("continuing", () => this.text.line("tile++;"));
    });
  }

  /** Moves `tile` to the next one that may look: blocks are asked first, from the widest that begins here. */
  private passOver(stmt: KeyTiles): void {
    const { tileK } = this.schedule;
    const narrower = (span: string): string =>
      stmt.spans.reduceRight((rest, width, i) => `select(${rest}, ${stmt.spans[i - 1] ?? 1}, ${span} == ${width})`, "1");
    this.text.line("// Empty blocks of tiles are passed over as a whole.");
    this.text.line("var span = span_at(tile);");
    this.text.block("loop", () => {
      this.text.line("if (tile >= end) {\n  break;\n}");
      this.text.line(`let k0 = tile * ${tileK};`);
      this.text.line(`let k1 = min(k0 + span * ${tileK}, u.keys) - 1;`);
      this.text.block(`if (${this.condition(stmt.may)})`, () => {
        this.text.line("if (span == 1) {\n  break;\n}");
        this.text.line(`span = ${narrower("span")};`);
      });
      this.text.line("else {\n  tile += span;\n  span = span_at(tile);\n}");
    });
    // The names of this loop end with it.
    this.scalars.leaveKeyTile();
  }

  /** Whether the tile is masked, asked once; then the work, as the layout divides it. */
  private keyTile(body: readonly Stmt[]): void {
    const masking = body.find((stmt) => stmt.op === "when");
    if (masking) this.text.line(`let masked = ${this.condition(masking.cond)};`);
    this.operations.keyTile((mask) => {
      for (const stmt of body) {
        if (stmt === masking) mask();
        else this.statement(stmt);
      }
    }, masking && "masked");
  }

  private condition(cond: TileCond): string {
    const text = this.scalars.print(cond);
    for (const shared of this.scalars.inner.splice(0)) this.text.line(shared);
    return text;
  }
}

/** Which query tile of which head a workgroup computes; without parts, each has one of its own. */
const ownTile = `let id = i32(workgroup.y * workgroups.x + workgroup.x);
if (id >= u.tiles * u.heads * u.batch) {
  return;
}`;

/** The parts of long tiles come first; then a workgroup for each tile, which leaves those that are in parts. */
const ownPart = `let index = i32(workgroup.y * workgroups.x + workgroup.x);
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
}`;

const partBindings = [
  "@group(0) @binding(7) var<storage, read> plan: array<u32>;",
  "// [slot][query of the tile][value dim / 4, then the log2 of the sum].",
  "@group(0) @binding(8) var<storage, read_write> scratch: array<vec4<f32>>;",
];

const isTrue = (cond: TileCond): boolean => cond.kind === "bool" && cond.value;

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

/** The widest block of tiles that begins at a tile, where the program asks about blocks. */
function spanHelper(body: readonly Stmt[]): readonly string[] {
  const spans = body.flatMap((stmt) => (stmt.op === "keyTiles" ? stmt.spans : []));
  if (spans.length === 0) return [];
  const widest = spans.reduce((rest, span) => `select(${rest}, ${span}, tile % ${span} == 0)`, "1");
  return [`fn span_at(tile: i32) -> i32 {\n  return ${widest};\n}`, ""];
}

/** Every scalar expression the printer will meet, so that it knows what is shared. */
function scalarRoots(body: readonly Stmt[]): readonly (TileExpr | TileCond)[] {
  return body.flatMap((stmt): readonly (TileExpr | TileCond)[] => {
    switch (stmt.op) {
      case "keyTiles":
        return [...stmt.ranges.flatMap((r) => [t.max(r.lo, t.int(0)), t.min(r.hi, t.variable("N"))]), stmt.may, ...scalarRoots(stmt.body)];
      case "when":
        return [stmt.cond, ...scalarRoots(stmt.body)];
      default:
        return [];
    }
  });
}
