import { MASKED } from "../../program/ir.js";
import type { Stmt, TileProgram } from "../../program/ir.js";
import { columnsPerThread, queryFloats, rowsPerThread, sharedFloats, threadsOf, valueGroups } from "../../schedule/schedule.js";
import type { Schedule } from "../../schedule/schedule.js";
import type { TileCond, TileExpr } from "../../tiles/expr.js";
import * as t from "../../tiles/expr.js";
import type { UniformField } from "../../../runtime/launch/module.js";
import { printHelpers } from "./helpers.js";
import { columnsPerWord, printMaskFunction } from "./mask-function.js";
import { ScalarPrinter } from "./scalars.js";
import { storageFor } from "./storage.js";
import type { Storage } from "./storage.js";
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
  private readonly rowGroups: number;
  private readonly groups: number;
  private readonly threads: number;
  private readonly storage: Storage;
  private readonly scalars: ScalarPrinter;
  private readonly lines: string[] = [];
  private depth = 1;

  constructor(
    private readonly program: TileProgram,
    private readonly schedule: Schedule,
    private readonly uniforms: readonly UniformField[],
  ) {
    this.rows = rowsPerThread(schedule);
    this.columns = columnsPerThread(schedule);
    this.rowGroups = this.rows / 4;
    this.groups = valueGroups(schedule, program.module.shape);
    this.threads = threadsOf(schedule);
    this.storage = storageFor(schedule.half);
    this.scalars = new ScalarPrinter(scalarRoots(program.body));
  }

  print(): string {
    const { schedule: s, program } = this;
    const { headDim, valueDim } = program.module.shape;
    this.body(program.body);
    const main = this.lines.join("\n");
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
      `@compute @workgroup_size(${this.threads})`,
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

  // ------------------------------------------------------------------ structure

  private line(text: string): void {
    for (const row of text.split("\n")) this.lines.push(row === "" ? "" : "  ".repeat(this.depth) + row);
  }

  private block(head: string, body: () => void): void {
    this.line(`${head} {`);
    this.depth++;
    body();
    this.depth--;
    this.line("}");
  }

  private barrier(): void {
    this.line("workgroupBarrier();");
  }

  private body(body: readonly Stmt[]): void {
    this.prologue();
    for (const stmt of body) this.statement(stmt);
  }

  private prologue(): void {
    const { tileQ, columnThreads } = this.schedule;
    this.line(`// Tiles of a head one after another, the last first: under a causal mask it is the longest.
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
let own_group = row_thread * ${this.rowGroups};
let own_column = column_thread * ${this.columns};`);
  }

  private statement(stmt: Stmt): void {
    switch (stmt.op) {
      case "load":
        // Keys and streamed queries are loaded chunk by chunk by the product; values are read where they are used.
        if (stmt.to === "Q" && this.schedule.keepQuery) {
          this.line("");
          this.loadTransposed("Q", "0", this.program.module.shape.headDim);
        }
        return;
      case "fill":
        return this.fill(stmt);
      case "keyTiles":
        return this.keyTiles(stmt);
      case "skipUnless":
        return this.skipUnless(stmt.cond);
      case "when":
        return this.when(stmt);
      case "dot":
        return this.dot();
      case "mask":
        return this.mask();
      case "rowMax":
        return this.rowMax();
      case "exp2":
        return stmt.to === "a"
          ? this.eachRowGroup((r) => this.line(`let a_${r} = exp2(m_${r} - n_${r});`))
          : this.eachScore((c, r) => this.line(`s_${c}_${r} = exp2(s_${c}_${r} - n_${r});`));
      case "copy":
        return this.eachRowGroup((r) => this.line(`m_${r} = n_${r};`));
      case "scale":
        return stmt.to === "l"
          ? this.eachRowGroup((r) => this.line(`l_${r} *= a_${r};`))
          : this.eachOutput((row, g) => this.line(`o_${row}_${g} *= a_${row >> 2}.${component(row)};`));
      case "addRowSum":
        return this.eachRowGroup((r) => this.line(`l_${r} += ${range(this.columns, (c) => `s_${c}_${r}`).join(" + ")};`));
      case "accumulate":
        return this.accumulate();
      case "normalize":
        return this.normalize();
      case "store":
        return this.store();
      case "storeLse":
        return this.storeLse();
    }
  }

  private eachRowGroup(visit: (r: number) => void): void {
    for (let r = 0; r < this.rowGroups; r++) visit(r);
  }

  private eachScore(visit: (c: number, r: number) => void): void {
    for (let c = 0; c < this.columns; c++) this.eachRowGroup((r) => visit(c, r));
  }

  private eachOutput(visit: (row: number, g: number) => void): void {
    for (let row = 0; row < this.rows; row++) for (let g = 0; g < this.groups; g++) visit(row, g);
  }

  // ----------------------------------------------------------------- operations

  private fill(stmt: Extract<Stmt, { op: "fill" }>): void {
    const value = floatLiteral(stmt.value);
    if (stmt.to === "O") this.eachOutput((row, g) => this.line(`var o_${row}_${g} = vec4<f32>(${value});`));
    else this.eachRowGroup((r) => this.line(`var ${stmt.to}_${r} = vec4<f32>(${value});`));
  }

  private keyTiles(stmt: KeyTiles): void {
    const { tileK } = this.schedule;
    const count = stmt.ranges.length;
    if (count === 0) return;
    const start = this.lines.length;
    const inner = (): void => {
      this.line(`let k0 = tile * ${tileK};`);
      this.line(`let k1 = min(k0 + ${tileK}, u.keys) - 1;`);
      for (const s of stmt.body) this.statement(s);
    };
    const ends = stmt.ranges.map((range, i) => {
      const own = count === 1 ? "" : `_${i}`;
      this.line(`let first_key${own} = ${this.scalars.print(t.max(range.lo, t.int(0)))};`);
      this.line(`let end_key${own} = ${this.scalars.print(t.min(range.hi, t.variable("N")))};`);
      // Rounding out to tiles would give a range without keys a tile.
      const end = `select(0, (end_key${own} + ${tileK - 1}) / ${tileK}, first_key${own} < end_key${own})`;
      return { first: `first_key${own} / ${tileK}`, end };
    });
    if (count === 1) {
      this.line(`let first_tile = ${ends[0]!.first};`);
      this.line(`let end_tile = ${ends[0]!.end};`);
      this.block("for (var tile = first_tile; tile < end_tile; tile++)", inner);
    } else {
      this.line(`var first_tile: array<i32, ${count}>;`);
      this.line(`var end_tile: array<i32, ${count}>;`);
      ends.forEach(({ first, end }, i) => {
        this.line(`first_tile[${i}] = ${first};`);
        this.line(`end_tile[${i}] = ${end};`);
      });
      this.block(`for (var range = 0; range < ${count}; range++)`, () => {
        this.block("for (var tile = first_tile[range]; tile < end_tile[range]; tile++)", () => {
          this.line(`// Ranges may overlap: a tile that an earlier one holds has been visited.
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
    const shared = this.scalars.outer.splice(0).map((text) => "  ".repeat(this.depth) + text);
    this.lines.splice(start, 0, "", ...shared);
  }

  private condition(cond: TileCond): string {
    const text = this.scalars.print(cond);
    for (const shared of this.scalars.inner.splice(0)) this.line(shared);
    return text;
  }

  private skipUnless(cond: TileCond): void {
    if (cond.kind === "bool" && cond.value) return;
    this.line(`if (!(${this.condition(cond)})) {\n  continue;\n}`);
  }

  private when(stmt: Extract<Stmt, { op: "when" }>): void {
    this.block(`if (${this.condition(stmt.cond)})`, () => {
      for (const s of stmt.body) this.statement(s);
    });
  }

  /**
   * Rows of Q or K into workgroup memory as [head dim][row / 4]: each thread reads four rows of four
   * dims, turns the square round in registers and writes four vec4s.
   */
  private loadTransposed(which: "Q" | "K", firstDim: string, dims: number): void {
    const { tileQ, tileK } = this.schedule;
    const vectors = this.program.module.shape.headDim / 4;
    const [rows, tile, name, base, first, count] =
      which === "Q"
        ? [tileQ, "q_tile", "query", "query_base", "first_row", "u.queries"]
        : [tileK, "kp_tile", "key", "key_base", "k0", "u.keys"];
    const perRow = dims / 4;
    this.block(`for (var i = i32(lane); i < ${(rows / 4) * perRow}; i += ${this.threads})`, () => {
      this.line(`let group = i / ${perRow};`);
      this.line(`let dim = i % ${perRow};`);
      for (let j = 0; j < 4; j++) {
        const row = `${first} + group * 4${plus(j)}`;
        const at = `(${base} + min(${row}, ${count} - 1)) * ${vectors} + ${firstDim === "0" ? "" : `${firstDim} / 4 + `}dim`;
        const value = `select(vec4<f32>(0.0), ${this.storage.load(`${name}[${at}]`)}, ${row} < ${count})`;
        this.line(`let x${j} = ${value}${which === "Q" ? " * u.scale" : ""};`);
      }
      for (let d = 0; d < 4; d++) {
        const turned = range(4, (j) => `x${j}.${component(d)}`).join(", ");
        this.line(`${tile}[(dim * 4 + ${d}) * ${rows / 4} + group] = vec4<f32>(${turned});`);
      }
    });
  }

  private dot(): void {
    const { chunk, keepQuery, tileQ, tileK } = this.schedule;
    const { headDim } = this.program.module.shape;
    this.eachScore((c, r) => this.line(`var s_${c}_${r} = vec4<f32>(0.0);`));
    const step = (firstDim: string): void => {
      this.barrier();
      if (!keepQuery) this.loadTransposed("Q", firstDim, chunk);
      this.loadTransposed("K", firstDim, chunk);
      this.barrier();
      this.block(`for (var d = 0; d < ${chunk}; d++)`, () => {
        const queryDim = keepQuery && firstDim !== "0" ? `(${firstDim} + d)` : "d";
        this.eachRowGroup((r) => this.line(`let q_${r} = q_tile[${queryDim} * ${tileQ / 4} + own_group${plus(r)}];`));
        for (let g = 0; g < this.columns / 4; g++) {
          this.line(`let k_${g} = kp_tile[d * ${tileK / 4} + own_column / 4${plus(g)}];`);
        }
        this.eachScore((c, r) => this.line(`s_${c}_${r} = fma(q_${r}, vec4<f32>(k_${c >> 2}.${component(c)}), s_${c}_${r});`));
      });
    };
    if (chunk === headDim) step("0");
    else this.block(`for (var chunk = 0; chunk < ${headDim}; chunk += ${chunk})`, () => step("chunk"));
  }

  /** Bits for up to 32 scores at a time, in a rolled loop; then one select per vec4. */
  private mask(): void {
    const perWord = columnsPerWord(this.rows, this.columns);
    for (let first = 0, word = 0; first < this.columns; first += perWord, word++) {
      const args = `q0 + own_row, k0 + own_column${plus(first)}, h, kvh, b`;
      this.line(`let looks_${word} = looks_at(${args});`);
    }
    this.eachScore((c, r) => {
      const word = Math.floor(c / perWord);
      const shift = (c % perWord) * this.rows + r * 4;
      const wanted = range(4, (i) => `${(1 << (shift + i)) >>> 0}u`).join(", ");
      this.line(
        `s_${c}_${r} = select(vec4<f32>(MASKED), s_${c}_${r}, (vec4<u32>(looks_${word}) & vec4<u32>(${wanted})) != vec4<u32>(0u));`,
      );
    });
  }

  private rowMax(): void {
    this.eachRowGroup((r) => {
      const most = range(this.columns, (c) => `s_${c}_${r}`).reduce((a, b) => `max(${a}, ${b})`);
      this.line(`var n_${r} = ${most};`);
      this.line(`${this.partialAt("column_thread", r)} = n_${r};`);
    });
    this.barrier();
    this.eachRowGroup((r) => this.line(`n_${r} = m_${r};`));
    this.block(`for (var i = 0; i < ${this.schedule.columnThreads}; i++)`, () => {
      this.eachRowGroup((r) => this.line(`n_${r} = max(n_${r}, ${this.partialAt("i", r)});`));
    });
  }

  private partialAt(threadColumn: string, r: number): string {
    return `partial[${threadColumn} * ${this.schedule.tileQ / 4} + own_group${plus(r)}]`;
  }

  private accumulate(): void {
    const { tileQ, tileK, columnThreads } = this.schedule;
    const vectors = this.program.module.shape.valueDim / 4;
    this.eachScore((c, r) => this.line(`kp_tile[(own_column${plus(c)}) * ${tileQ / 4} + own_group${plus(r)}] = s_${c}_${r};`));
    this.barrier();
    this.line(`let keys_here = min(${tileK}, u.keys - k0);`);
    this.block("for (var j = 0; j < keys_here; j++)", () => {
      this.eachRowGroup((r) => this.line(`let p_${r} = kp_tile[j * ${tileQ / 4} + own_group${plus(r)}];`));
      this.line(`let row = (key_base + k0 + j) * ${vectors};`);
      for (let g = 0; g < this.groups; g++) {
        const column = this.valueColumn(g);
        const held = (g + 1) * columnThreads <= vectors ? column : `min(${column}, ${vectors - 1})`;
        this.line(`let v_${g} = ${this.storage.load(`value[row + ${held}]`)};`);
      }
      this.eachOutput((row, g) => this.line(`o_${row}_${g} = fma(vec4<f32>(p_${row >> 2}.${component(row)}), v_${g}, o_${row}_${g});`));
    });
  }

  private valueColumn(g: number): string {
    return g === 0 ? "column_thread" : `column_thread + ${g * this.schedule.columnThreads}`;
  }

  /** Each thread has summed its own columns: the sums of a row meet here, once. */
  private normalize(): void {
    this.line("");
    this.barrier();
    this.eachRowGroup((r) => this.line(`${this.partialAt("column_thread", r)} = l_${r};`));
    this.barrier();
    this.eachRowGroup((r) => this.line(`l_${r} = vec4<f32>(0.0);`));
    this.block(`for (var i = 0; i < ${this.schedule.columnThreads}; i++)`, () => {
      this.eachRowGroup((r) => this.line(`l_${r} += ${this.partialAt("i", r)};`));
    });
    this.eachRowGroup((r) => {
      const safe = `select(l_${r}, vec4<f32>(1.0), l_${r} == vec4<f32>(0.0))`;
      this.line(`let inverse_${r} = select(1.0 / ${safe}, vec4<f32>(0.0), l_${r} == vec4<f32>(0.0));`);
    });
    this.eachOutput((row, g) => this.line(`o_${row}_${g} *= inverse_${row >> 2}.${component(row)};`));
  }

  private store(): void {
    const vectors = this.program.module.shape.valueDim / 4;
    for (let row = 0; row < this.rows; row++) {
      this.block(`if (first_row + own_row${plus(row)} < u.queries)`, () => {
        this.line(`let row = (query_base + first_row + own_row${plus(row)}) * ${vectors};`);
        for (let g = 0; g < this.groups; g++) {
          const column = this.valueColumn(g);
          const store = (): void => this.line(`output[row + ${column}] = ${this.storage.store(`o_${row}_${g}`)};`);
          if ((g + 1) * this.schedule.columnThreads <= vectors) store();
          else this.block(`if (${column} < ${vectors})`, store);
        }
      });
    }
  }

  private storeLse(): void {
    this.block("if (u.write_lse != 0 && column_thread == 0)", () => {
      this.line("// Minus infinity has no literal.");
      this.line("var minus_infinity = 0xff800000u;");
      for (let row = 0; row < this.rows; row++) {
        const [r, x] = [row >> 2, component(row)];
        this.block(`if (first_row + own_row${plus(row)} < u.queries)`, () => {
          const value = `${Math.LN2} * (m_${r}.${x} + log2(l_${r}.${x}))`;
          this.line(
            `lse[query_base + first_row + own_row${plus(row)}] = select(${value}, bitcast<f32>(minus_infinity), l_${r}.${x} == 0.0);`,
          );
        });
      }
    });
  }
}

const component = (i: number): string => "xyzw"[i % 4]!;

/** `+ n`, and nothing for 0. */
const plus = (n: number): string => (n === 0 ? "" : ` + ${n}`);

const range = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

function floatLiteral(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
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
