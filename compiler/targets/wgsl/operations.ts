import type { Shape } from "../../mask/ir.js";
import type { Stmt } from "../../program/ir.js";
import { columnsPerThread, rowsPerThread, valueGroups } from "../../schedule/schedule.js";
import type { Schedule } from "../../schedule/schedule.js";
import type { Looks } from "./mask-function.js";
import type { Storage } from "./storage.js";
import { floatLiteral } from "./text.js";
import type { KernelText } from "./text.js";
import type { KeyRows, TokenRows } from "./token-rows.js";

/** Statements that work on tiles and need no more than themselves; the others are the structure around them. */
export type TileStmt = Exclude<Stmt, { op: "keyTiles" | "when" | "mask" }>;

/**
 * Which of the key tiles that some code works on are masked: none of them, each, or where a condition says so. A tile
 * that reaches past the last key is masked.
 */
export type Masking = { readonly kind: "never" | "always" } | { readonly kind: "where"; readonly condition: string };

/**
 * Prints the operations on tiles for one thread, in registers: scores as vec4s over query rows
 * (`s_c_r`: key column c, row group r of the thread), the output as vec4s over value columns
 * (`o_r_g`). How operands reach the thread, and how threads that share a row agree, is left to the
 * layouts. The names used (`own_row`, `own_column`, `first_row`, `k0` and others) are those of the
 * kernel's first lines and of its loops.
 */
export abstract class TileOperations<S extends Schedule = Schedule> {
  /** Query rows and key columns of a thread, rows by fours, and groups of four value columns. */
  protected readonly rows: number;
  protected readonly columns: number;
  protected readonly rowGroups: number;
  protected readonly groups: number;

  /** The present code is for tiles with all their keys: none is past the last. */
  protected allKeys = false;
  /** Where the keys of the present walk are. */
  protected keys: KeyRows;
  /** How many bands the mask of the present walk is; absent where it is asked pair by pair, in some tiles at least. */
  protected bands: number | undefined;
  /** How many bands it is in the tiles that `has_bands`. */
  protected bandsSometimes: number | undefined;

  constructor(
    protected readonly text: KernelText,
    protected readonly schedule: S,
    protected readonly shape: Shape,
    protected readonly storage: Storage,
    protected readonly tokens: TokenRows,
    /** A workgroup may have a part of a tile's keys, whose result goes to `scratch`, to be merged. */
    private readonly inParts: boolean,
  ) {
    this.rows = rowsPerThread(schedule);
    this.columns = columnsPerThread(schedule);
    this.rowGroups = this.rows / 4;
    this.groups = valueGroups(schedule, shape);
    this.keys = tokens.keys;
  }

  /** What is printed from now on is for tiles of these keys, with this mask if they have one. */
  walkOver(keys: KeyRows, looks: Looks | undefined): void {
    this.keys = keys;
    const count = looks?.bands?.length;
    [this.bands, this.bandsSometimes] = looks?.where === undefined ? [count, undefined] : [undefined, count];
  }

  /** Key columns whose pairs with all rows of the thread are judged at a time, a bit each. */
  abstract readonly columnsPerWord: number;
  /** Extensions of WGSL that the operations use, and builtin values beside those of every kernel. */
  abstract readonly enables: readonly string[];
  abstract readonly builtins: readonly string[];
  /** Declarations of the module that the operations need. */
  abstract declarations(): readonly string[];
  /** The first lines of the kernel about this thread. */
  abstract place(): string;
  /**
   * What a thread does for one key tile: `work` prints the statements in the loops that the layout has,
   * and calls for the masking where the program has it, unless no tile is masked.
   */
  keyTile(work: (mask: () => void) => void, masking: Masking): void {
    this.allKeys = masking.kind === "never";
    this.eachStep(work, masking);
  }

  protected abstract eachStep(work: (mask: () => void) => void, masking: Masking): void;
  protected abstract load(stmt: Extract<Stmt, { op: "load" }>): void;
  protected abstract dot(): void;
  protected abstract rowMax(): void;
  protected abstract accumulate(): void;
  /** Makes `l_r` the sum of the whole row where threads have summed their own columns. */
  protected abstract wholeRowSums(): void;
  /** Runs `store` where the value column is within the value dim. */
  protected abstract eachStoredGroup(store: (g: number, column: string) => void): void;
  /** The condition under which this thread speaks for its rows, beside that they exist. */
  protected abstract readonly speaksForRow: string | undefined;

  print(stmt: TileStmt): void {
    switch (stmt.op) {
      case "load":
        return this.load(stmt);
      case "fill":
        return this.fill(stmt);
      case "dot":
        return this.dot();
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
      case "storePart":
        return this.storePart();
    }
  }

  /** Prints what only masked tiles need, behind the uniform branch that it takes. */
  protected whereMasked(masking: Masking, print: () => void): void {
    if (masking.kind === "where") this.text.block(`if (${masking.condition})`, print);
    else if (masking.kind === "always") print();
  }

  protected eachRowGroup(visit: (r: number) => void): void {
    for (let r = 0; r < this.rowGroups; r++) visit(r);
  }

  protected eachScore(visit: (c: number, r: number) => void): void {
    for (let c = 0; c < this.columns; c++) this.eachRowGroup((r) => visit(c, r));
  }

  protected eachOutput(visit: (row: number, g: number) => void): void {
    for (let row = 0; row < this.rows; row++) for (let g = 0; g < this.groups; g++) visit(row, g);
  }

  /** The largest score of each row among the thread's own columns, as `n_r`. */
  protected ownRowMax(): void {
    this.eachRowGroup((r) => {
      const most = range(this.columns, (c) => `s_${c}_${r}`).reduce((a, b) => `max(${a}, ${b})`);
      this.text.line(`var n_${r} = ${most};`);
    });
  }

  private fill(stmt: Extract<Stmt, { op: "fill" }>): void {
    const value = floatLiteral(stmt.value);
    if (stmt.to === "O") this.eachOutput((row, g) => this.text.line(`var o_${row}_${g} = vec4<f32>(${value});`));
    else this.eachRowGroup((r) => this.text.line(`var ${stmt.to}_${r} = vec4<f32>(${value});`));
  }

  /** One select per vec4, by the bits in `looks_0` and on, each for {@link columnsPerWord} of the thread's columns. */
  protected maskByBits(): void {
    this.eachScore((c, r) => {
      const word = Math.floor(c / this.columnsPerWord);
      const shift = (c % this.columnsPerWord) * this.rows + r * 4;
      const wanted = range(4, (i) => `${(1 << (shift + i)) >>> 0}u`).join(", ");
      this.text.line(
        `s_${c}_${r} = select(vec4<f32>(MASKED), s_${c}_${r}, (vec4<u32>(looks_${word}) & vec4<u32>(${wanted})) != vec4<u32>(0u));`,
      );
    });
  }

  /** The band of the query at a row behind the thread's first. */
  protected bandOf(i: number, behind: string): string {
    return `band_${i}(${this.tokens.position(`own_row${behind}`)}, k0, h, kvh, b)`;
  }

  /** The bands of the thread's rows as `bands_i[r]`, in a loop that stays rolled: what a band is made of stands in the kernel once. */
  private findBandsInArrays(count: number): void {
    for (let i = 0; i < count; i++) {
      this.text.line(`var bands_${i}: array<vec2<i32>, ${this.rows}>;`);
      this.text.block(`for (var r = 0; r < ${this.rows}; r++)`, () => this.text.line(`bands_${i}[r] = ${this.bandOf(i, " + r")};`));
    }
  }

  /** The bands of the thread's rows: `low_i_r` and `high_i_r`, with `store` put before each. */
  protected findBands(store: "let " | "", count: number): void {
    const rolled = this.schedule.profile !== "gpu";
    if (rolled) this.findBandsInArrays(count);
    for (let i = 0; i < count; i++) {
      if (!rolled) for (let row = 0; row < this.rows; row++) this.text.line(`let band_${i}_${row} = ${this.bandOf(i, plus(row))};`);
      this.eachRowGroup((r) => {
        for (const [name, end] of [
          ["low", "x"],
          ["high", "y"],
        ] as const) {
          const ends = range(4, (j) => `${rolled ? `bands_${i}[${r * 4 + j}]` : `band_${i}_${r * 4 + j}`}.${end}`).join(", ");
          this.text.line(`${store}${name}_${i}_${r} = vec4<i32>(${ends});`);
        }
      });
    }
  }

  /** Scores of keys outside of their rows' bands; `key` is the thread's first. */
  protected maskByBands(key: string, count: number): void {
    for (let c = 0; c < this.columns; c++) {
      this.text.line(`let key_of_${c} = vec4<i32>(${key}${plus(c)});`);
      this.eachRowGroup((r) => {
        const within = range(count, (i) => `((low_${i}_${r} <= key_of_${c}) & (key_of_${c} < high_${i}_${r}))`).join(" | ");
        this.text.line(`s_${c}_${r} = select(vec4<f32>(MASKED), s_${c}_${r}, ${within});`);
      });
    }
  }

  private normalize(): void {
    this.text.line("");
    this.wholeRowSums();
    this.eachRowGroup((r) => {
      const safe = `select(l_${r}, vec4<f32>(1.0), l_${r} == vec4<f32>(0.0))`;
      this.text.line(`let inverse_${r} = select(1.0 / ${safe}, vec4<f32>(0.0), l_${r} == vec4<f32>(0.0));`);
    });
    this.eachOutput((row, g) => this.text.line(`o_${row}_${g} *= inverse_${row >> 2}.${component(row)};`));
  }

  private store(): void {
    if (!this.inParts) return this.storeOutput();
    this.text.block("if (parts > 1)", () => {
      for (let row = 0; row < this.rows; row++) this.keepPart(row, `index * ${this.schedule.tileQ} + own_row${plus(row)}`);
      this.text.line("return;");
    });
    this.storeOutput();
  }

  private storePart(): void {
    for (let row = 0; row < this.rows; row++) {
      const place = `first_row + own_row${plus(row)}`;
      this.text.block(`if (${this.tokens.hasQuery(place)})`, () => this.keepPart(row, this.tokens.slot!(place)));
    }
  }

  /** A row of O and the log2 of its sum into a slot of the scratch buffer. */
  private keepPart(row: number, slot: string): void {
    const vectors = this.shape.valueDim / 4;
    this.text.line(`let row_${row} = (${slot}) * ${vectors + 1};`);
    this.eachStoredGroup((g, column) => this.text.line(`scratch[row_${row} + ${column}] = o_${row}_${g};`));
    const [r, x] = [row >> 2, component(row)];
    const store = `scratch[row_${row} + ${vectors}] = vec4<f32>(select(m_${r}.${x} + log2(l_${r}.${x}), MASKED, l_${r}.${x} == 0.0));`;
    if (this.speaksForRow === undefined) this.text.line(store);
    else this.text.block(`if (${this.speaksForRow})`, () => this.text.line(store));
  }

  private storeOutput(): void {
    const vectors = this.shape.valueDim / 4;
    for (let row = 0; row < this.rows; row++) {
      const place = `first_row + own_row${plus(row)}`;
      this.text.block(`if (${this.tokens.hasQuery(place)})`, () => {
        this.text.line(`let row = (query_base + ${this.tokens.query(place)}) * ${vectors};`);
        this.eachStoredGroup((g, column) => this.text.line(`output[row + ${column}] = ${this.storage.store(`o_${row}_${g}`)};`));
      });
    }
  }

  private storeLse(): void {
    const speaks = this.speaksForRow === undefined ? "" : ` && ${this.speaksForRow}`;
    this.text.block(`if (u.write_lse != 0${speaks})`, () => {
      this.text.line("// Minus infinity has no literal.");
      this.text.line("var minus_infinity = 0xff800000u;");
      for (let row = 0; row < this.rows; row++) {
        const [r, x] = [row >> 2, component(row)];
        const place = `first_row + own_row${plus(row)}`;
        this.text.block(`if (${this.tokens.hasQuery(place)})`, () => {
          const value = `${Math.LN2} * (m_${r}.${x} + log2(l_${r}.${x}))`;
          this.text.line(
            `lse[query_base + ${this.tokens.query(place)}] = select(${value}, bitcast<f32>(minus_infinity), l_${r}.${x} == 0.0);`,
          );
        });
      }
    });
  }
}

export const component = (i: number): string => "xyzw"[i % 4]!;

/** `+ n`, and nothing for 0. */
export const plus = (n: number): string => (n === 0 ? "" : ` + ${n}`);

export const range = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
