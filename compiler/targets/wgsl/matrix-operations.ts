import { matrixTiles, threadsOf, valueChunk } from "../../schedule/schedule.js";
import type { MatrixSchedule } from "../../schedule/schedule.js";
import { GridOperations } from "./grid-operations.js";
import { component, plus, range } from "./operations.js";

/** Probabilities are at most 1, and f16 goes up to 65504 but down to 2^-24 only. */
const SPREAD = 2 ** 15;

/**
 * The grid layout with products by the matrix units of subgroups. Operands lie in workgroup memory row by row, as
 * single numbers; subgroups take the matrices of a product in turn, however many threads a subgroup has. A result is
 * stored and read again by the threads that own its numbers: what is between the products, and the output, which is
 * scaled row by row, stays in registers as it is without matrices.
 *
 * Of f16, scores are sums of exact products of the tensors' own numbers, and scaled afterwards. A probability is the sum
 * of two f16, the second of them what the first leaves over: that keeps 22 bits. Both are {@link SPREAD} times as large,
 * so that many small probabilities are not lost together: what is left out of each is at most 2^-40, or 2^-29 where a
 * device takes subnormal f16 for 0.
 */
export class MatrixOperations extends GridOperations<MatrixSchedule> {
  override readonly enables = ["enable subgroups;", "enable chromium_experimental_subgroup_matrix;"];
  override readonly builtins = ["  @builtin(subgroup_id) subgroup: u32,", "  @builtin(num_subgroups) subgroups: u32,"];
  private readonly matrices = this.schedule.matrices;
  private readonly twoParts = this.matrices.component === "f16";
  /** Value columns of a product; those past the value dim are zeros. */
  private readonly valueChunk = valueChunk(this.schedule);
  private readonly queryStride = this.schedule.keepQuery ? this.shape.headDim : this.schedule.chunk;
  private readonly probabilities = this.twoParts ? "p_tile" : "s_tile";
  private readonly products = this.twoParts ? "s_tile" : "q_tile";

  override declarations(): readonly string[] {
    const tiles = matrixTiles(this.schedule, this.shape);
    const { component: type, result } = this.matrices;
    return [
      "// [query][head dim].",
      `var<workgroup> q_tile: array<${type}, ${tiles.query}>;`,
      "// Keys of a chunk as [key][head dim], then values as [key][value dim].",
      `var<workgroup> kv_tile: array<${type}, ${tiles.keyOrValue}>;`,
      "// [query][key].",
      `var<workgroup> s_tile: array<${result}, ${tiles.scores}>;`,
      ...(this.twoParts
        ? ["// [query][key], and behind it what f16 leaves over.", `var<workgroup> p_tile: array<${type}, ${tiles.probabilities}>;`]
        : []),
      ...this.sharedRows(),
      "",
      ...this.matrixFunctions(),
    ];
  }

  /** All that the kernel does with matrices. */
  private matrixFunctions(): readonly string[] {
    const { m, n, k, component: type, result } = this.matrices;
    const { chunk, tileK } = this.schedule;
    const loads = (name: string, matrix: string, order: "row" | "col", tile: string, stride: number): string =>
      `fn ${name}(at: i32) -> ${matrix} {\n  return subgroupMatrixLoad<${matrix}, ${order}_major>(&${tile}, u32(at), ${stride});\n}`;
    const stores = (name: string, tile: string, stride: number): string =>
      `fn ${name}(at: i32, matrix: Sums) {\n  subgroupMatrixStore<row_major>(&${tile}, u32(at), matrix, ${stride});\n}`;
    return [
      `// Columns before rows: ${m} x ${k} times ${k} x ${n}.`,
      `alias Left = subgroup_matrix_left<${type}, ${k}, ${m}>;`,
      `alias Right = subgroup_matrix_right<${type}, ${n}, ${k}>;`,
      `alias Sums = subgroup_matrix_result<${result}, ${n}, ${m}>;`,
      "",
      loads("queries_at", "Left", "row", "q_tile", this.queryStride),
      "",
      loads("keys_at", "Right", "col", "kv_tile", chunk),
      "",
      loads("scores_at", "Sums", "row", "s_tile", tileK),
      "",
      loads("probabilities_at", "Left", "row", this.probabilities, tileK),
      "",
      loads("values_at", "Right", "row", "kv_tile", this.valueChunk),
      "",
      `fn multiply_add(left: Left, right: Right, sums: Sums) -> Sums {\n  return subgroupMatrixMultiplyAccumulate(left, right, sums);\n}`,
      "",
      stores("store_scores", "s_tile", tileK),
      "",
      stores("store_products", this.products, this.valueChunk),
      "",
    ];
  }

  protected override loadWholeQuery(): void {
    this.loadQueries("0", this.shape.headDim);
  }

  private loadQueries(firstDim: string, dims: number): void {
    const { heldQuery, hasQuery } = this.tokens;
    const at = `(query_base + ${heldQuery("first_row + row")}) * ${this.shape.headDim / 4}`;
    this.loadRows("query", { at, exists: hasQuery("first_row + row") }, "q_tile", this.schedule.tileQ, firstDim, dims);
  }

  private loadKeys(what: "key" | "value", firstDim: string, dims: number): void {
    const { kept, first, count, key, heldKey } = this.keys;
    const row = kept ? "key_rows[row]" : (this.allKeys ? key : heldKey)(`${first} + row`);
    const whole = what === "key" ? this.shape.headDim : this.shape.valueDim;
    const within = what === "key" || Number(firstDim) + dims <= whole ? [] : [`${firstDim} / 4 + group < ${whole / 4}`];
    const exists = [...(this.allKeys ? [] : [`${first} + row < ${count}`]), ...within].join(" && ");
    this.loadRows(
      what,
      { at: `(key_base + ${row}) * ${whole / 4}`, exists, last: within.length > 0 ? whole / 4 - 1 : undefined },
      "kv_tile",
      this.schedule.tileK,
      firstDim,
      dims,
    );
  }

  /** Some dims of `rows` rows of a tensor into workgroup memory, zeros where nothing `exists`. */
  private loadRows(
    tensor: string,
    { at, exists, last }: { readonly at: string; readonly exists: string; readonly last?: number | undefined },
    tile: string,
    rows: number,
    firstDim: string,
    dims: number,
  ): void {
    const perRow = dims / 4;
    this.text.block(`for (var i = i32(lane); i < ${rows * perRow}; i += ${threadsOf(this.schedule)})`, () => {
      this.text.line(`let row = i / ${perRow};\nlet group = i % ${perRow};`);
      const own = firstDim === "0" ? "group" : `${firstDim} / 4 + group`;
      const read = this.storage.load(`${tensor}[${at} + ${last === undefined ? own : `min(${own}, ${last})`}]`);
      this.text.line(`let x = ${exists === "" ? read : `select(vec4<f32>(0.0), ${read}, ${exists})`};`);
      for (let d = 0; d < 4; d++)
        this.text.line(`${tile}[row * ${dims} + group * 4${plus(d)}] = ${this.twoParts ? `f16(x.${component(d)})` : `x.${component(d)}`};`);
    });
  }

  protected override dot(): void {
    const { chunk, keepQuery, tileQ, tileK } = this.schedule;
    const { headDim } = this.shape;
    const { m, n, k } = this.matrices;
    const step = (firstDim: string): void => {
      this.text.barrier();
      if (!keepQuery) this.loadQueries(firstDim, chunk);
      this.loadKeys("key", firstDim, chunk);
      this.text.barrier();
      this.eachMatrix(tileQ / m, tileK / n, (row, column) => {
        const place = `${row} * ${m * tileK} + ${column} * ${n}`;
        this.text.line("var sums = Sums();");
        if (firstDim !== "0") this.text.line(`if (chunk > 0) {\n  sums = scores_at(${place});\n}`);
        this.text.block(`for (var d = 0; d < ${chunk}; d += ${k})`, () => {
          const queryDim = keepQuery && firstDim !== "0" ? `${firstDim} + d` : "d";
          const queries = `queries_at(${row} * ${m * this.queryStride} + ${queryDim})`;
          this.text.line(`sums = multiply_add(${queries}, keys_at(${column} * ${n * chunk} + d), sums);`);
        });
        this.text.line(`store_scores(${place}, sums);`);
      });
    };
    if (chunk === headDim) step("0");
    else this.text.block(`for (var chunk = 0; chunk < ${headDim}; chunk += ${chunk})`, () => step("chunk"));
    this.text.barrier();
    this.eachScore((c, r) => {
      const numbers = range(4, (i) => this.scoreAt(r * 4 + i, c)).join(", ");
      this.text.line(`var s_${c}_${r} = vec4<f32>(${numbers}) * u.scale;`);
    });
  }

  private scoreAt(row: number, column: number): string {
    return `s_tile[(own_row${plus(row)}) * ${this.schedule.tileK} + own_column${plus(column)}]`;
  }

  /** Subgroups take the matrices of a result in turn; each is the same for all threads of its subgroup. */
  private eachMatrix(rows: number, columns: number, visit: (row: string, column: string) => void): void {
    this.text.block(`for (var i = i32(subgroup); i < ${rows * columns}; i += i32(subgroups))`, () =>
      visit(`(i / ${columns})`, `(i % ${columns})`),
    );
  }

  protected override accumulate(): void {
    this.storeProbabilities();
    for (let first = 0; first < this.shape.valueDim; first += this.valueChunk) {
      this.loadKeys("value", String(first), this.valueChunk);
      this.text.barrier();
      this.multiplyValues();
      this.text.barrier();
      const g = first / this.valueChunk;
      for (let row = 0; row < this.rows; row++) {
        const numbers = range(4, (i) => `${this.products}[(own_row${plus(row)}) * ${this.valueChunk} + column_thread * 4${plus(i)}]`);
        this.text.line(`o_${row}_${g} += vec4<f32>(${numbers.join(", ")})${this.twoParts ? ` * ${1 / SPREAD}` : ""};`);
      }
    }
  }

  private storeProbabilities(): void {
    const { tileQ, tileK } = this.schedule;
    this.eachScore((c, r) => {
      for (let i = 0; i < 4; i++) {
        const number = `s_${c}_${r}.${component(i)}`;
        if (!this.twoParts) {
          this.text.line(`${this.scoreAt(r * 4 + i, c)} = ${number};`);
          continue;
        }
        const place = `(own_row${plus(r * 4 + i)}) * ${tileK} + own_column${plus(c)}`;
        const spread = `${SPREAD}.0 * ${number}`;
        this.text.line(`p_tile[${place}] = f16(${spread});`);
        this.text.line(`p_tile[${place} + ${tileQ * tileK}] = f16(${spread} - f32(f16(${spread})));`);
      }
    });
  }

  private multiplyValues(): void {
    const { tileQ, tileK } = this.schedule;
    const { m, n, k } = this.matrices;
    this.eachMatrix(tileQ / m, this.valueChunk / n, (row, column) => {
      this.text.line("var sums = Sums();");
      this.text.block(`for (var j = 0; j < ${tileK}; j += ${k})`, () => {
        this.text.line(`let values = values_at(j * ${this.valueChunk} + ${column} * ${n});`);
        const place = `${row} * ${m * tileK} + j`;
        this.text.line(`sums = multiply_add(probabilities_at(${place}), values, sums);`);
        if (this.twoParts) this.text.line(`sums = multiply_add(probabilities_at(${place} + ${tileQ * tileK}), values, sums);`);
      });
      this.text.line(`store_products(${row} * ${m * this.valueChunk} + ${column} * ${n}, sums);`);
    });
  }
}
