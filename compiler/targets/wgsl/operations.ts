import type { Shape } from "../../mask/ir.js";
import type { Stmt } from "../../program/ir.js";
import { columnsPerThread, rowsPerThread, threadsOf, valueGroups } from "../../schedule/schedule.js";
import type { Schedule } from "../../schedule/schedule.js";
import { columnsPerWord } from "./mask-function.js";
import type { Storage } from "./storage.js";
import { floatLiteral } from "./text.js";
import type { KernelText } from "./text.js";

/** Statements that work on tiles; the others are the structure around them. */
export type TileStmt = Exclude<Stmt, { op: "keyTiles" | "skipUnless" | "when" }>;

/**
 * Prints the operations on tiles for one thread. The names it uses (`own_row`, `own_group`, `own_column`,
 * `first_row`, `k0` and others) are those of the kernel's first lines and of its loop.
 */
export class TileOperations {
  /** Query rows and key columns of a thread, rows by fours, and groups of four value columns. */
  private readonly rows: number;
  private readonly columns: number;
  private readonly rowGroups: number;
  private readonly groups: number;

  constructor(
    private readonly text: KernelText,
    private readonly schedule: Schedule,
    private readonly shape: Shape,
    private readonly storage: Storage,
  ) {
    this.rows = rowsPerThread(schedule);
    this.columns = columnsPerThread(schedule);
    this.rowGroups = this.rows / 4;
    this.groups = valueGroups(schedule, shape);
  }

  print(stmt: TileStmt): void {
    switch (stmt.op) {
      case "load":
        // Keys and streamed queries are loaded chunk by chunk by the product; values are read where they are used.
        if (stmt.to === "Q" && this.schedule.keepQuery) {
          this.text.line("");
          this.loadTransposed("Q", "0", this.shape.headDim);
        }
        return;
      case "fill":
        return this.fill(stmt);
      case "dot":
        return this.dot();
      case "mask":
        return this.mask();
      case "rowMax":
        return this.rowMax();
      case "exp2":
        return stmt.to === "a"
          ? this.eachRowGroup((r) => this.text.line(`let a_${r} = exp2(m_${r} - n_${r});`))
          : this.eachScore((c, r) => this.text.line(`s_${c}_${r} = exp2(s_${c}_${r} - n_${r});`));
      case "copy":
        return this.eachRowGroup((r) => this.text.line(`m_${r} = n_${r};`));
      case "scale":
        return stmt.to === "l"
          ? this.eachRowGroup((r) => this.text.line(`l_${r} *= a_${r};`))
          : this.eachOutput((row, g) => this.text.line(`o_${row}_${g} *= a_${row >> 2}.${component(row)};`));
      case "addRowSum":
        return this.eachRowGroup((r) => this.text.line(`l_${r} += ${range(this.columns, (c) => `s_${c}_${r}`).join(" + ")};`));
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

  private fill(stmt: Extract<Stmt, { op: "fill" }>): void {
    const value = floatLiteral(stmt.value);
    if (stmt.to === "O") this.eachOutput((row, g) => this.text.line(`var o_${row}_${g} = vec4<f32>(${value});`));
    else this.eachRowGroup((r) => this.text.line(`var ${stmt.to}_${r} = vec4<f32>(${value});`));
  }

  /**
   * Rows of Q or K into workgroup memory as [head dim][row / 4]: each thread reads four rows of four
   * dims, turns the square round in registers and writes four vec4s.
   */
  private loadTransposed(which: "Q" | "K", firstDim: string, dims: number): void {
    const { tileQ, tileK } = this.schedule;
    const vectors = this.shape.headDim / 4;
    const [rows, tile, name, base, first, count] =
      which === "Q"
        ? [tileQ, "q_tile", "query", "query_base", "first_row", "u.queries"]
        : [tileK, "kp_tile", "key", "key_base", "k0", "u.keys"];
    const perRow = dims / 4;
    this.text.block(`for (var i = i32(lane); i < ${(rows / 4) * perRow}; i += ${threadsOf(this.schedule)})`, () => {
      this.text.line(`let group = i / ${perRow};`);
      this.text.line(`let dim = i % ${perRow};`);
      for (let j = 0; j < 4; j++) {
        const row = `${first} + group * 4${plus(j)}`;
        const at = `(${base} + min(${row}, ${count} - 1)) * ${vectors} + ${firstDim === "0" ? "" : `${firstDim} / 4 + `}dim`;
        const value = `select(vec4<f32>(0.0), ${this.storage.load(`${name}[${at}]`)}, ${row} < ${count})`;
        this.text.line(`let x${j} = ${value}${which === "Q" ? " * u.scale" : ""};`);
      }
      for (let d = 0; d < 4; d++) {
        const turned = range(4, (j) => `x${j}.${component(d)}`).join(", ");
        this.text.line(`${tile}[(dim * 4 + ${d}) * ${rows / 4} + group] = vec4<f32>(${turned});`);
      }
    });
  }

  private dot(): void {
    const { chunk, keepQuery, tileQ, tileK } = this.schedule;
    const { headDim } = this.shape;
    this.eachScore((c, r) => this.text.line(`var s_${c}_${r} = vec4<f32>(0.0);`));
    const step = (firstDim: string): void => {
      this.text.barrier();
      if (!keepQuery) this.loadTransposed("Q", firstDim, chunk);
      this.loadTransposed("K", firstDim, chunk);
      this.text.barrier();
      this.text.block(`for (var d = 0; d < ${chunk}; d++)`, () => {
        const queryDim = keepQuery && firstDim !== "0" ? `(${firstDim} + d)` : "d";
        this.eachRowGroup((r) => this.text.line(`let q_${r} = q_tile[${queryDim} * ${tileQ / 4} + own_group${plus(r)}];`));
        for (let g = 0; g < this.columns / 4; g++) {
          this.text.line(`let k_${g} = kp_tile[d * ${tileK / 4} + own_column / 4${plus(g)}];`);
        }
        this.eachScore((c, r) => this.text.line(`s_${c}_${r} = fma(q_${r}, vec4<f32>(k_${c >> 2}.${component(c)}), s_${c}_${r});`));
      });
    };
    if (chunk === headDim) step("0");
    else this.text.block(`for (var chunk = 0; chunk < ${headDim}; chunk += ${chunk})`, () => step("chunk"));
  }

  /** Bits for up to 32 scores at a time, in a rolled loop; then one select per vec4. */
  private mask(): void {
    const perWord = columnsPerWord(this.rows, this.columns);
    for (let first = 0, word = 0; first < this.columns; first += perWord, word++) {
      const args = `q0 + own_row, k0 + own_column${plus(first)}, h, kvh, b`;
      this.text.line(`let looks_${word} = looks_at(${args});`);
    }
    this.eachScore((c, r) => {
      const word = Math.floor(c / perWord);
      const shift = (c % perWord) * this.rows + r * 4;
      const wanted = range(4, (i) => `${(1 << (shift + i)) >>> 0}u`).join(", ");
      this.text.line(
        `s_${c}_${r} = select(vec4<f32>(MASKED), s_${c}_${r}, (vec4<u32>(looks_${word}) & vec4<u32>(${wanted})) != vec4<u32>(0u));`,
      );
    });
  }

  private rowMax(): void {
    this.eachRowGroup((r) => {
      const most = range(this.columns, (c) => `s_${c}_${r}`).reduce((a, b) => `max(${a}, ${b})`);
      this.text.line(`var n_${r} = ${most};`);
      this.text.line(`${this.partialAt("column_thread", r)} = n_${r};`);
    });
    this.text.barrier();
    this.eachRowGroup((r) => this.text.line(`n_${r} = m_${r};`));
    this.text.block(`for (var i = 0; i < ${this.schedule.columnThreads}; i++)`, () => {
      this.eachRowGroup((r) => this.text.line(`n_${r} = max(n_${r}, ${this.partialAt("i", r)});`));
    });
  }

  private partialAt(threadColumn: string, r: number): string {
    return `partial[${threadColumn} * ${this.schedule.tileQ / 4} + own_group${plus(r)}]`;
  }

  private accumulate(): void {
    const { tileQ, tileK, columnThreads } = this.schedule;
    const vectors = this.shape.valueDim / 4;
    this.eachScore((c, r) => this.text.line(`kp_tile[(own_column${plus(c)}) * ${tileQ / 4} + own_group${plus(r)}] = s_${c}_${r};`));
    this.text.barrier();
    this.text.line(`let keys_here = min(${tileK}, u.keys - k0);`);
    this.text.block("for (var j = 0; j < keys_here; j++)", () => {
      this.eachRowGroup((r) => this.text.line(`let p_${r} = kp_tile[j * ${tileQ / 4} + own_group${plus(r)}];`));
      this.text.line(`let row = (key_base + k0 + j) * ${vectors};`);
      for (let g = 0; g < this.groups; g++) {
        const column = this.valueColumn(g);
        const held = (g + 1) * columnThreads <= vectors ? column : `min(${column}, ${vectors - 1})`;
        this.text.line(`let v_${g} = ${this.storage.load(`value[row + ${held}]`)};`);
      }
      this.eachOutput((row, g) =>
        this.text.line(`o_${row}_${g} = fma(vec4<f32>(p_${row >> 2}.${component(row)}), v_${g}, o_${row}_${g});`),
      );
    });
  }

  private valueColumn(g: number): string {
    return g === 0 ? "column_thread" : `column_thread + ${g * this.schedule.columnThreads}`;
  }

  /** Each thread has summed its own columns: the sums of a row meet here, once. */
  private normalize(): void {
    this.text.line("");
    this.text.barrier();
    this.eachRowGroup((r) => this.text.line(`${this.partialAt("column_thread", r)} = l_${r};`));
    this.text.barrier();
    this.eachRowGroup((r) => this.text.line(`l_${r} = vec4<f32>(0.0);`));
    this.text.block(`for (var i = 0; i < ${this.schedule.columnThreads}; i++)`, () => {
      this.eachRowGroup((r) => this.text.line(`l_${r} += ${this.partialAt("i", r)};`));
    });
    this.eachRowGroup((r) => {
      const safe = `select(l_${r}, vec4<f32>(1.0), l_${r} == vec4<f32>(0.0))`;
      this.text.line(`let inverse_${r} = select(1.0 / ${safe}, vec4<f32>(0.0), l_${r} == vec4<f32>(0.0));`);
    });
    this.eachOutput((row, g) => this.text.line(`o_${row}_${g} *= inverse_${row >> 2}.${component(row)};`));
  }

  private store(): void {
    const vectors = this.shape.valueDim / 4;
    for (let row = 0; row < this.rows; row++) {
      this.text.block(`if (first_row + own_row${plus(row)} < u.queries)`, () => {
        this.text.line(`let row = (query_base + first_row + own_row${plus(row)}) * ${vectors};`);
        for (let g = 0; g < this.groups; g++) {
          const column = this.valueColumn(g);
          const store = (): void => this.text.line(`output[row + ${column}] = ${this.storage.store(`o_${row}_${g}`)};`);
          if ((g + 1) * this.schedule.columnThreads <= vectors) store();
          else this.text.block(`if (${column} < ${vectors})`, store);
        }
      });
    }
  }

  private storeLse(): void {
    this.text.block("if (u.write_lse != 0 && column_thread == 0)", () => {
      this.text.line("// Minus infinity has no literal.");
      this.text.line("var minus_infinity = 0xff800000u;");
      for (let row = 0; row < this.rows; row++) {
        const [r, x] = [row >> 2, component(row)];
        this.text.block(`if (first_row + own_row${plus(row)} < u.queries)`, () => {
          const value = `${Math.LN2} * (m_${r}.${x} + log2(l_${r}.${x}))`;
          this.text.line(
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
