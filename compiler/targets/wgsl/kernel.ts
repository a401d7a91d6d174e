import type { Shape } from "../../mask/ir.js";
import { MASKED } from "../../program/ir.js";
import type { Stmt, TileProgram } from "../../program/ir.js";
import { hasMatrices, rowsPerThread, threadsOf } from "../../schedule/schedule.js";
import type { Schedule } from "../../schedule/schedule.js";
import type { TileCond, TileExpr } from "../../tiles/expr.js";
import * as t from "../../tiles/expr.js";
import type { UniformField } from "../../../runtime/launch/module.js";
import { GridOperations } from "./grid-operations.js";
import { printHelpers } from "./helpers.js";
import { isTrue, KeyTilesPrinter, walkDeclarations } from "./key-tiles.js";
import type { KeyTiles } from "./key-tiles.js";
import { printLooks } from "./mask-function.js";
import type { Looks } from "./mask-function.js";
import { MatrixOperations } from "./matrix-operations.js";
import type { Masking, TileOperations } from "./operations.js";
import { RowsOperations } from "./rows-operations.js";
import { ScalarPrinter } from "../print/scalars.js";
import { storageFor } from "./storage.js";
import type { Storage } from "./storage.js";
import { floatLiteral, KernelText } from "./text.js";
import { listedKeys } from "./token-rows.js";
import type { TokenRows } from "./token-rows.js";
import { declare, printUniforms, wgsl } from "./dialect.js";
import { wholeTiles } from "./work.js";
import type { Work } from "./work.js";

/**
 * Prints a tile program as one WGSL compute shader, laid on the threads as the schedule says. What a
 * thread owns is in named variables: WGSL compilers keep arrays that are indexed at run time in memory.
 */
export function printKernel(
  program: TileProgram,
  schedule: Schedule,
  uniforms: readonly UniformField[],
  work: (program: TileProgram, schedule: Schedule) => Work = wholeTiles,
): string {
  return new KernelPrinter(program, schedule, uniforms, work(program, schedule)).print();
}

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
    private readonly work: Work,
  ) {
    this.storage = storageFor(schedule.half);
    this.scalars = new ScalarPrinter(wgsl, [...(program.queries === undefined ? [] : [program.queries]), ...scalarRoots(program.body)]);
    const { shape } = program.module;
    this.tokens = work.rows;
    this.operations = operationsOf(this.text, schedule, shape, this.storage, this.tokens, work.inParts);
  }

  print(): string {
    const { schedule: s, program } = this;
    const { headDim, valueDim } = program.module.shape;
    this.body(program.body);
    const main = this.text.toString();
    const masks = program.body.flatMap((stmt) => (stmt.op === "keyTiles" ? maskOf(stmt) : []));
    const mask = masks.map((each) => printLooks(each, rowsPerThread(s), this.operations.columnsPerWord, s.profile !== "gpu")).join("\n");
    const parts = [
      `// ${program.module.name} (${program.module.origin}), head dim ${headDim}, value dim ${valueDim}, ${s.name}.`,
      `// One workgroup of ${threadsOf(s)} threads for each tile of ${s.tileQ} ${this.work.of}; tiles of ${s.tileK} keys.`,
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
      ...this.work.bindings(this.storage),
      "",
      ...this.operations.declarations(),
      `const MASKED = f32(${floatLiteral(MASKED)});`,
      "",
      ...walkDeclarations(program.body, s),
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
    this.text.line(`${this.work.place}
let query_base = (b * u.heads + h) * u.queries;
let key_base = (b * u.kv_heads + kvh) * u.keys;
${this.operations.place()}`);
  }

  /** A tile of a layout that holds no query of the call has nothing to store. */
  private leaveWithoutQuery(): void {
    const { queries } = this.program;
    if (queries === undefined || isTrue(queries)) return;
    const holds = this.scalars.print(queries);
    for (const shared of this.scalars.outer.splice(0)) this.text.line(declare(shared));
    this.text.line(`if (!(${holds})) {\n  return;\n}`);
  }

  private statement(stmt: Stmt): void {
    if (stmt.op === "keyTiles") return this.keyTiles(stmt);
    // The one branch of tile programs is the masking, inside of key tiles.
    if (stmt.op === "when" || stmt.op === "mask") throw new Error(`${stmt.op} where kernels have no place for it`);
    this.operations.print(stmt);
  }

  private keyTiles(stmt: KeyTiles): void {
    const keys = stmt.list === undefined ? this.tokens.keys : listedKeys(stmt.list, this.tokens.keepsKeys);
    this.operations.walkOver(keys, maskOf(stmt)[0]);
    const masking = stmt.body.find((each) => each.op === "when");
    const work = (how: Masking): void =>
      this.operations.keyTile((mask) => {
        for (const each of stmt.body) {
          if (each !== masking) this.statement(each);
          else if (how.kind !== "never") mask();
        }
      }, how);
    new KeyTilesPrinter(this.text, this.scalars, this.schedule, this.work.inParts, work).print(stmt, masking?.cond);
  }
}

function operationsOf(
  text: KernelText,
  schedule: Schedule,
  ...rest: [shape: Shape, storage: Storage, tokens: TokenRows, inParts: boolean]
): TileOperations {
  if (schedule.layout === "rows") return new RowsOperations(text, schedule, ...rest);
  return hasMatrices(schedule) ? new MatrixOperations(text, schedule, ...rest) : new GridOperations(text, schedule, ...rest);
}

function maskOf({ body, list, chosen }: KeyTiles): readonly Looks[] {
  const masks = body.flatMap((stmt) => (stmt.op === "when" ? stmt.body : [stmt]));
  return masks.flatMap((stmt) => (stmt.op === "mask" ? [{ looks: stmt.looks, bands: stmt.bands, where: stmt.where, list, chosen }] : []));
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
