import { headEvaluator, kvHeadOf } from "../mask/evaluate.js";
import type { MaskEnv } from "../mask/evaluate.js";
import type { BoolExpr } from "../mask/ir.js";
import { compileCond, tileFrame } from "../tiles/evaluate.js";
import type { TileFrame } from "../tiles/evaluate.js";
import { queryOffset, visitedTiles } from "../tiles/plan.js";
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
      for (let row = 0; row < env.NQ; row += program.tileQ) head.queryTile(row);
    }
  }
  return { out, lse };
}

class HeadInterpreter {
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
  private firstRow = 0;

  constructor(
    private readonly program: TileProgram,
    private readonly tensors: AttentionTensors,
    private readonly call: InterpretCall,
    private readonly result: AttentionResult,
    b: number,
    h: number,
    private readonly trace: TileTrace | undefined,
  ) {
    const { env, headDim, valueDim } = call;
    const { tileQ, tileK, module } = program;
    this.frame = tileFrame(module, env, b, h);
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

  queryTile(firstRow: number): void {
    this.firstRow = firstRow;
    this.rows = Math.min(this.program.tileQ, this.call.env.NQ - firstRow);
    const offset = queryOffset(this.program.module, this.call.env);
    this.frame.q0 = offset + firstRow;
    this.frame.q1 = offset + firstRow + this.rows - 1;
    this.run(this.program.body);
  }

  /** False when the present key tile is left. */
  private run(body: readonly Stmt[]): boolean {
    for (const stmt of body) if (!this.step(stmt)) return false;
    return true;
  }

  private step(stmt: Stmt): boolean {
    switch (stmt.op) {
      case "load":
        this.load(stmt.to);
        return true;
      case "fill":
        (stmt.to === "O" ? this.matrices.O : this.vectors[stmt.to]).fill(stmt.value);
        return true;
      case "keyTiles":
        this.keyTiles(stmt);
        return true;
      case "skipUnless":
        return compileCond(stmt.cond)(this.frame);
      case "when":
        return compileCond(stmt.cond)(this.frame) ? this.run(stmt.body) : true;
      case "dot":
        this.dot();
        return true;
      case "mask": {
        if (this.trace) this.trace.masked++;
        const looks = this.evaluatorOf(stmt.looks);
        this.eachCell("S", (row, column) => {
          const k = this.frame.k0 + column;
          const seen = row < this.rows && column < this.keys && looks(this.frame.q0 + row, k);
          if (!seen) this.matrices.S[row * this.columns.S + column] = MASKED;
        });
        return true;
      }
      case "rowMax":
        this.eachRow((row) => {
          let most = Math.max(this.vectors.m[row]!, LEAST_MAXIMUM);
          for (let c = 0; c < this.columns.S; c++) most = Math.max(most, this.matrices.S[row * this.columns.S + c]!);
          this.vectors.n[row] = most;
        });
        return true;
      case "exp2":
        if (stmt.to === "a") this.eachRow((row) => (this.vectors.a[row] = 2 ** (this.vectors.m[row]! - this.vectors.n[row]!)));
        else
          this.eachCell("P", (row, c) => {
            const at = row * this.columns.P + c;
            this.matrices.P[at] = 2 ** Math.fround(this.matrices.S[at]! - this.vectors.n[row]!);
          });
        return true;
      case "copy":
        this.vectors.m.set(this.vectors.n);
        return true;
      case "scale":
        if (stmt.to === "l") this.eachRow((row) => (this.vectors.l[row]! *= this.vectors.a[row]!));
        else this.eachCell("O", (row, c) => (this.matrices.O[row * this.columns.O + c]! *= this.vectors.a[row]!));
        return true;
      case "addRowSum":
        this.eachCell("P", (row, c) => (this.vectors.l[row]! += this.matrices.P[row * this.columns.P + c]!));
        return true;
      case "accumulate":
        this.accumulate();
        return true;
      case "normalize":
        this.eachCell("O", (row, c) => {
          const sum = this.vectors.l[row]!;
          this.matrices.O[row * this.columns.O + c] = sum === 0 ? 0 : this.matrices.O[row * this.columns.O + c]! / sum;
        });
        return true;
      case "store":
        for (let row = 0; row < this.rows; row++) {
          const from = this.matrices.O.subarray(row * this.columns.O, (row + 1) * this.columns.O);
          this.result.out.set(from, (this.queryRow + this.firstRow + row) * this.columns.O);
        }
        return true;
      case "storeLse":
        for (let row = 0; row < this.rows; row++) {
          const sum = this.vectors.l[row]!;
          const value = sum === 0 ? -Infinity : Math.LN2 * (this.vectors.m[row]! + Math.log2(sum));
          this.result.lse[this.queryRow + this.firstRow + row] = value;
        }
        return true;
    }
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
    const ranges = visitedTiles(stmt.ranges, this.frame, this.frame.q0, this.frame.q1, tileK);
    ranges.forEach(([first, end], index) => {
      for (let tile = first; tile < end; tile++) {
        if (ranges.slice(0, index).some(([a, b]) => a <= tile && tile < b)) continue;
        this.keys = Math.min(tileK, this.call.env.N - tile * tileK);
        this.frame.k0 = tile * tileK;
        this.frame.k1 = tile * tileK + this.keys - 1;
        if (this.run(stmt.body) && this.trace) this.trace.visited++;
      }
    });
  }

  private load(to: "Q" | "K" | "V"): void {
    const tile = this.matrices[to].fill(0);
    const columns = this.columns[to];
    const count = to === "Q" ? this.rows : this.keys;
    const source = this.tensors[to === "Q" ? "q" : to === "K" ? "k" : "v"];
    const first = to === "Q" ? this.queryRow + this.firstRow : this.kvRow + this.frame.k0;
    for (let i = 0; i < count * columns; i++) tile[i] = source[first * columns + i]! * (to === "Q" ? this.scale : 1);
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
