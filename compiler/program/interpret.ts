import { evaluateBool, evaluateInt, headEvaluator, kvHeadOf } from "../mask/evaluate.js";
import type { MaskEnv } from "../mask/evaluate.js";
import type { BoolExpr } from "../mask/ir.js";
import { positions, queryRows } from "../mask/layout/places.js";
import { compileCond, tileFrame } from "../tiles/evaluate.js";
import type { TileFrame } from "../tiles/evaluate.js";
import { queryOffset } from "../tiles/plan.js";
import type { KeyBand } from "../tiles/ranges.js";
import { keyList, tilesToVisit } from "../tiles/visit.js";
import { LEAST_MAXIMUM, MASKED } from "./ir.js";
import type { Matrix, RowVector, Stmt, TileProgram } from "./ir.js";

/** Tensors of one call: q [batch, heads, NQ, headDim], k [batch, kvHeads, N, headDim], v [batch, kvHeads, N, valueDim]. */
export interface AttentionTensors {
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly v: Float32Array;
}

export interface InterpretCall {
  readonly env: MaskEnv;
  readonly batch: number;
  readonly headDim: number;
  readonly valueDim: number;
  /** Softmax scale; 1 / sqrt(headDim) by default. */
  readonly scale?: number | undefined;
}

/** out [batch, heads, NQ, valueDim] and lse [batch, heads, NQ], in natural logarithms. */
export interface AttentionResult {
  readonly out: Float32Array;
  readonly lse: Float32Array;
}

/** What one interpretation met: tests compare it with the exact classes of the tiles. */
export interface TileTrace {
  visited: number;
  masked: number;
}

/**
 * Runs a tile program on the CPU, statement by statement, in float32 at each operation that stores:
 * slow and obvious, the oracle of the printed kernels and the device `interpreter`.
 */
export function interpret(program: TileProgram, tensors: AttentionTensors, call: InterpretCall, trace?: TileTrace): AttentionResult {
  const { env, batch, valueDim } = call;
  const out = new Float32Array(batch * env.heads * env.NQ * valueDim);
  const lse = new Float32Array(batch * env.heads * env.NQ);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < env.heads; h++) {
      const head = new HeadInterpreter(program, tensors, call, { out, lse }, b, h, trace);
      const { first, end } = queryRows(program.module, env);
      for (let row = first; row < end; row += program.tileQ) head.queryTile(row, Math.min(row + program.tileQ, end));
    }
  }
  return { out, lse };
}

/** Where a part of a row goes: its row of O, and the log2 of its sum, MASKED for none. */
export type KeepPart = (query: number, out: Float32Array, sum: number) => void;

/** Runs tiles of one head of one batch entry. */
export class HeadInterpreter {
  private readonly frame: TileFrame;
  private readonly evaluators = new Map<BoolExpr, (q: number, k: number) => boolean>();
  private readonly kvRow: number;
  private readonly queryRow: number;
  private readonly columns: Record<Matrix, number>;
  private readonly matrices: Record<Matrix, Float32Array>;
  private readonly vectors: Record<RowVector, Float32Array>;
  private readonly scale: number;
  /** Queries and keys of the present tile that exist. */
  private rows = 0;
  private keys = 0;
  /** The keys of the present tile are those of this list from this place on; without one, of all places. */
  private list: Int32Array | undefined;
  private firstPlace = 0;
  /** Positions of the rows of the present tile where they are no neighbours, and the keys of the block that they chose. */
  private chosen: { readonly rows: Int32Array; readonly firstKey: number; readonly endKey: number } | undefined;
  /** The position of the call's first query. */
  private readonly offset: number;
  /** By place, of queries and of keys; with another order only. */
  private readonly positions: { readonly q: Int32Array | undefined; readonly k: Int32Array | undefined };

  constructor(
    private readonly program: TileProgram,
    private readonly tensors: AttentionTensors,
    private readonly call: InterpretCall,
    private readonly result: AttentionResult,
    b: number,
    h: number,
    private readonly trace: TileTrace | undefined,
    private readonly keepPart?: KeepPart,
  ) {
    const { env, headDim, valueDim } = call;
    const { tileQ, tileK, module } = program;
    this.frame = tileFrame(module, env, b, h);
    this.offset = queryOffset(module, env);
    this.positions = { q: positions(module, env, "q", b, h), k: positions(module, env, "k", b, h) };
    this.queryRow = (b * env.heads + h) * env.NQ;
    this.kvRow = (b * env.kvHeads + kvHeadOf(h, env.heads, env.kvHeads)) * env.N;
    this.columns = { Q: headDim, K: headDim, V: valueDim, S: tileK, P: tileK, O: valueDim };
    const matrix = (rows: number, columns: number): Float32Array => new Float32Array(rows * columns);
    this.matrices = {
      Q: matrix(tileQ, headDim),
      K: matrix(tileK, headDim),
      V: matrix(tileK, valueDim),
      S: matrix(tileQ, tileK),
      P: matrix(tileQ, tileK),
      O: matrix(tileQ, valueDim),
    };
    const vector = (): Float32Array => new Float32Array(tileQ);
    this.vectors = { m: vector(), n: vector(), a: vector(), l: vector() };
    this.scale = Math.fround((call.scale ?? 1 / Math.sqrt(headDim)) * Math.LOG2E);
  }

  /** The queries at places `[first, end)`, which without a layout are positions. */
  queryTile(first: number, end: number): void {
    this.rows = end - first;
    this.frame.q0 = first;
    this.frame.q1 = end - 1;
    const { queries } = this.program;
    if (queries !== undefined && !compileCond(queries)(this.frame)) return;
    this.run(this.program.body);
  }

  /** Queries at rising positions that chose the block of keys from `firstKey` up to `endKey`. */
  chosenTile(rows: Int32Array, firstKey: number, endKey: number): void {
    this.chosen = { rows, firstKey, endKey };
    this.rows = rows.length;
    this.frame.q0 = rows[0]!;
    this.frame.q1 = rows.at(-1)!;
    this.run(this.program.body);
  }

  /** The place of a row. */
  private placeOf(row: number): number {
    return this.chosen?.rows[row] ?? this.frame.q0 + row;
  }

  /** The position of the query or key at a place. */
  private positionOf(place: number, axis: "q" | "k"): number {
    return this.positions[axis]?.[place] ?? place;
  }

  /** The row of the caller's queries that a row of the query tile is; undefined where no query of the call stands. */
  private queryOf(row: number): number | undefined {
    const query = this.positionOf(this.placeOf(row), "q") - this.offset;
    return query < 0 ? undefined : query;
  }

  private run(body: readonly Stmt[]): void {
    for (const stmt of body) this.step(stmt);
  }

  private step(stmt: Stmt): void {
    switch (stmt.op) {
      case "load":
        this.load(stmt.to);
        return;
      case "fill":
        (stmt.to === "O" ? this.matrices.O : this.vectors[stmt.to]).fill(stmt.value);
        return;
      case "keyTiles":
        this.keyTiles(stmt);
        return;
      case "when":
        if (compileCond(stmt.cond)(this.frame)) this.run(stmt.body);
        return;
      case "dot":
        this.dot();
        return;
      case "mask": {
        if (this.trace) this.trace.masked++;
        const looks = (stmt.bands && this.bandsOfTile(stmt.bands, stmt.where)) ?? this.pairsOfTile(stmt.looks);
        this.eachCell("S", (row, column) => {
          const seen = row < this.rows && column < this.keys && looks(row, this.keyOf(column));
          if (!seen) this.matrices.S[row * this.columns.S + column] = MASKED;
        });
        return;
      }
      case "rowMax":
        this.eachRow((row) => {
          let most = Math.max(this.vectors.m[row]!, LEAST_MAXIMUM);
          for (let c = 0; c < this.columns.S; c++) most = Math.max(most, this.matrices.S[row * this.columns.S + c]!);
          this.vectors.n[row] = most;
        });
        return;
      case "exp2":
        if (stmt.to === "a") this.eachRow((row) => (this.vectors.a[row] = 2 ** (this.vectors.m[row]! - this.vectors.n[row]!)));
        else
          this.eachCell("P", (row, c) => {
            const at = row * this.columns.P + c;
            this.matrices.P[at] = 2 ** Math.fround(this.matrices.S[at]! - this.vectors.n[row]!);
          });
        return;
      case "copy":
        this.vectors.m.set(this.vectors.n);
        return;
      case "scale":
        if (stmt.to === "l") this.eachRow((row) => (this.vectors.l[row]! *= this.vectors.a[row]!));
        else this.eachCell("O", (row, c) => (this.matrices.O[row * this.columns.O + c]! *= this.vectors.a[row]!));
        return;
      case "addRowSum":
        this.eachCell("P", (row, c) => (this.vectors.l[row]! += this.matrices.P[row * this.columns.P + c]!));
        return;
      case "accumulate":
        this.accumulate();
        return;
      case "normalize":
        this.eachCell("O", (row, c) => {
          const sum = this.vectors.l[row]!;
          this.matrices.O[row * this.columns.O + c] = sum === 0 ? 0 : this.matrices.O[row * this.columns.O + c]! / sum;
        });
        return;
      case "store":
        for (let row = 0; row < this.rows; row++) {
          const query = this.queryOf(row);
          const from = this.matrices.O.subarray(row * this.columns.O, (row + 1) * this.columns.O);
          if (query !== undefined) this.result.out.set(from, (this.queryRow + query) * this.columns.O);
        }
        return;
      case "storePart":
        for (let row = 0; row < this.rows; row++) {
          const query = this.queryOf(row);
          const sum = this.vectors.l[row]!;
          const out = this.matrices.O.subarray(row * this.columns.O, (row + 1) * this.columns.O);
          if (query !== undefined) this.keepPart?.(query, out, sum === 0 ? MASKED : this.vectors.m[row]! + Math.log2(sum));
        }
        return;
      case "storeLse":
        for (let row = 0; row < this.rows; row++) {
          const query = this.queryOf(row);
          if (query === undefined) continue;
          const sum = this.vectors.l[row]!;
          const value = sum === 0 ? -Infinity : Math.LN2 * (this.vectors.m[row]! + Math.log2(sum));
          this.result.lse[this.queryRow + query] = value;
        }
        return;
    }
  }

  private pairsOfTile(looks: BoolExpr): (row: number, k: number) => boolean {
    const evaluator = this.evaluatorOf(looks);
    return (row, k) => evaluator(this.placeOf(row), k);
  }

  /** The bands of each row of the present tile, if it is one that they are for. */
  private bandsOfTile(bands: readonly KeyBand[], where: BoolExpr | undefined): ((row: number, k: number) => boolean) | undefined {
    const { env, b, h, q0, k0, scalars } = this.frame;
    if (where !== undefined && !evaluateBool(where, { env, b, h, q: q0, k: k0, scalars })) return undefined;
    const rows = Array.from({ length: this.rows }, (_, row) => {
      const at = { env, b, h, q: this.placeOf(row), k: k0, scalars };
      return bands.map(({ lo, hi }) => [evaluateInt(lo, at), evaluateInt(hi, at)] as const);
    });
    return (row, k) => rows[row]!.some(([lo, hi]) => lo <= k && k < hi);
  }

  private evaluatorOf(looks: BoolExpr): (q: number, k: number) => boolean {
    let evaluator = this.evaluators.get(looks);
    if (!evaluator) {
      const { env, b, h } = this.frame;
      this.evaluators.set(looks, (evaluator = headEvaluator({ ...this.program.module, mask: looks }, env, b, h)));
    }
    return evaluator;
  }

  private keyTiles(stmt: Extract<Stmt, { op: "keyTiles" }>): void {
    const { tileK } = this.program;
    if (stmt.chosen === true) return this.chosenKeys(stmt);
    const { q0, q1 } = this.frame;
    this.list = stmt.list === undefined ? undefined : keyList(this.frame, stmt.list);
    for (const tile of tilesToVisit(stmt, this.frame, { q0, q1, tileK })) {
      this.firstPlace = tile * tileK;
      this.keys = Math.min(tileK, (this.list?.length ?? this.call.env.N) - this.firstPlace);
      this.run(stmt.body);
      if (this.trace) this.trace.visited++;
    }
  }

  /** Tiles of the block that the rows chose, from its first key on. */
  private chosenKeys({ may, body }: Extract<Stmt, { op: "keyTiles" }>): void {
    const { firstKey, endKey } = this.chosen!;
    const looks = compileCond(may);
    for (let place = firstKey; place < endKey; place += this.program.tileK) {
      this.firstPlace = place;
      this.keys = Math.min(this.program.tileK, endKey - place);
      Object.assign(this.frame, { k0: place, k1: place + this.keys - 1, place, places: endKey });
      if (!looks(this.frame)) continue;
      this.run(body);
      if (this.trace) this.trace.visited++;
    }
  }

  /** The key (or, with a layout, the place) that a column of the present tile is. */
  private keyOf(column: number): number {
    const place = this.firstPlace + column;
    return this.list === undefined ? place : this.list[place]!;
  }

  private load(to: "Q" | "K" | "V"): void {
    const tile = this.matrices[to].fill(0);
    const columns = this.columns[to];
    const count = to === "Q" ? this.rows : this.keys;
    const source = this.tensors[to === "Q" ? "q" : to === "K" ? "k" : "v"];
    for (let i = 0; i < count; i++) {
      const token = to === "Q" ? this.queryOf(i) : this.positionOf(this.keyOf(i), "k");
      if (token === undefined) continue;
      const from = ((to === "Q" ? this.queryRow : this.kvRow) + token) * columns;
      for (let c = 0; c < columns; c++) tile[i * columns + c] = source[from + c]! * (to === "Q" ? this.scale : 1);
    }
  }

  private dot(): void {
    const { Q, K, S } = this.matrices;
    const dim = this.columns.Q;
    this.eachCell("S", (row, c) => {
      let sum = 0;
      for (let d = 0; d < dim; d++) sum = Math.fround(sum + Math.fround(Q[row * dim + d]! * K[c * dim + d]!));
      S[row * this.columns.S + c] = sum;
    });
  }

  private accumulate(): void {
    const { P, V, O } = this.matrices;
    const { P: keys, O: dim } = this.columns;
    for (let row = 0; row < this.rows; row++) {
      for (let j = 0; j < keys; j++) {
        const p = P[row * keys + j]!;
        for (let d = 0; d < dim; d++) O[row * dim + d] = O[row * dim + d]! + Math.fround(p * V[j * dim + d]!);
      }
    }
  }

  private eachRow(visit: (row: number) => void): void {
    for (let row = 0; row < this.program.tileQ; row++) visit(row);
  }

  private eachCell(tile: Matrix, visit: (row: number, column: number) => void): void {
    for (let row = 0; row < this.program.tileQ; row++) for (let c = 0; c < this.columns[tile]; c++) visit(row, c);
  }
}
