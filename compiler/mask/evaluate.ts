import type { BoolExpr, CompareOp, HostExpr, IntBinary, IntExpr, MaskModule, Variable } from "./ir.js";
import { withLayout } from "./layout/placed.js";

/**
 * The value of an input. `batch` is the number of batch entries it holds, 1 when all share one;
 * `heads` is 1, the kv heads or the query heads.
 */
export type InputValue = IdsValue | BitsValue;

/** `data[batch][head][token]` */
export interface IdsValue {
  readonly kind: "ids";
  readonly batch: number;
  /** 1 where it is left out. */
  readonly heads?: number | undefined;
  readonly length: number;
  readonly data: Int32Array;
}

/** `data[batch][head][row][column]`, one byte per bit, 0 or 1. All inputs but `ids` are given in this form. */
export interface BitsValue {
  readonly kind: "bits";
  readonly batch: number;
  readonly heads: number;
  readonly rows: number;
  readonly columns: number;
  readonly data: Uint8Array;
}

/** What one launch fixes. Variables and parameters that the mask does not mention may be left out. */
export interface MaskEnv {
  /** Number of keys. */
  readonly N: number;
  /** Number of queries. */
  readonly NQ: number;
  /** Number of query heads, and of kv heads. */
  readonly heads: number;
  readonly kvHeads: number;
  readonly layer?: number | undefined;
  readonly layers?: number | undefined;
  readonly step?: number | undefined;
  readonly steps?: number | undefined;
  /** Index into the phases of the module. */
  readonly phase?: number | undefined;
  readonly params?: Readonly<Record<string, number>> | undefined;
  readonly inputs?: Readonly<Record<string, InputValue>> | undefined;
}

/** The greatest magnitude of a host scalar: room is left for a position to be added or subtracted. */
export const SCALAR_LIMIT = 2 ** 30;

/**
 * A host value as the int32 that the kernel gets: rounded down, infinities and values beyond
 * {@link SCALAR_LIMIT} held there, NaN is 0.
 */
export function toScalar(value: number): number {
  if (Number.isNaN(value)) return 0;
  return Math.max(-SCALAR_LIMIT, Math.min(SCALAR_LIMIT, Math.floor(value)));
}

/** The kv head that a query head reads. */
export function kvHeadOf(h: number, heads: number, kvHeads: number): number {
  return Math.floor(h / (heads / kvHeads));
}

/** The host scalars of one query head, by slot: int32s, but for those that are float32s. */
export function evaluateScalars(module: MaskModule, env: MaskEnv, h: number): readonly number[] {
  return module.scalars.map(({ expr, as }) => {
    const value = evaluateHost(expr, module, env, h);
    return as === "f32" ? Math.fround(value) : toScalar(value);
  });
}

/**
 * Whether batch entry `b`, head `h` lets the query at position `q` look at the key at position `k`.
 * Slow and obvious: the reference for everything that is derived from the mask.
 * Integers wrap at 32 bits, as they do on the device.
 */
export function evaluateMask(module: MaskModule, env: MaskEnv, b: number, h: number, q: number, k: number): boolean {
  return headEvaluator(module, env, b, h)(q, k);
}

/** As {@link evaluateMask} for one batch entry and head, computing what is uniform only once. */
export function headEvaluator(module: MaskModule, env: MaskEnv, b: number, h: number): (q: number, k: number) => boolean {
  const scalars = evaluateScalars(module, env, h);
  const all = withLayout(module, env);
  return (q, k) => evaluateBool(module.mask, { env: all, scalars, b, h, q, k });
}

/** One pair of one head; `scalars` as {@link evaluateScalars} gives them. */
export interface PairEnv {
  readonly env: MaskEnv;
  readonly scalars: readonly number[];
  readonly b: number;
  readonly h: number;
  readonly q: number;
  readonly k: number;
}

export function compareInts(op: CompareOp, a: number, b: number): boolean {
  switch (op) {
    case "lt":
      return a < b;
    case "le":
      return a <= b;
    case "eq":
      return a === b;
    case "ne":
      return a !== b;
  }
}

export function evaluateBool(expr: BoolExpr, at: PairEnv): boolean {
  switch (expr.kind) {
    case "bool":
      return expr.value;
    case "compare": {
      const a = evaluateInt(expr.a, at);
      const b = evaluateInt(expr.b, at);
      return compareInts(expr.op, a, b);
    }
    case "and":
      return expr.items.every((item) => evaluateBool(item, at));
    case "or":
      return expr.items.some((item) => evaluateBool(item, at));
    case "not":
      return !evaluateBool(expr.a, at);
    case "choose":
      return evaluateBool(evaluateBool(expr.cond, at) ? expr.a : expr.b, at);
    case "pow2": {
      const a = evaluateInt(expr.a, at);
      return a > 0 && (a & (a - 1)) === 0;
    }
    case "bit":
      return readBit(expr.input, evaluateInt(expr.row, at), evaluateInt(expr.col, at), at);
  }
}

export function evaluateInt(expr: IntExpr, at: PairEnv): number {
  switch (expr.kind) {
    case "int":
      return expr.value;
    case "var":
      return variableOf(expr.name, at.env, at.h, at);
    case "param":
      return given(at.env.params?.[expr.name], `parameter ${expr.name}`);
    case "scalar":
      return given(at.scalars[expr.slot], `scalar ${expr.slot}`);
    case "neg":
      return -evaluateInt(expr.a, at) | 0;
    case "abs":
      return Math.abs(evaluateInt(expr.a, at)) | 0;
    case "select":
      return evaluateInt(evaluateBool(expr.cond, at) ? expr.a : expr.b, at);
    case "load":
      return readId(expr.input, evaluateInt(expr.index, at), at);
    default:
      return intBinary(expr.kind, evaluateInt(expr.a, at), evaluateInt(expr.b, at));
  }
}

/** One integer operation at 32 bits; `div` floors, `mod` has the sign of its positive divisor. */
export function intBinary(kind: IntBinary, a: number, b: number): number {
  switch (kind) {
    case "add":
      return (a + b) | 0;
    case "sub":
      return (a - b) | 0;
    case "mul":
      return Math.imul(a, b);
    case "div":
      return Math.floor(a / positive(b)) | 0;
    case "mod":
      return a - positive(b) * Math.floor(a / b) || 0;
    case "min":
      return Math.min(a, b);
    case "max":
      return Math.max(a, b);
  }
}

/** A host expression in float64; booleans are 0 and 1, table indices are held inside the table. */
export function evaluateHost(expr: HostExpr, module: MaskModule, env: MaskEnv, h: number): number {
  const value = (e: HostExpr): number => evaluateHost(e, module, env, h);
  switch (expr.kind) {
    case "number":
      return expr.value;
    case "var":
      return variableOf(expr.name, env, h, undefined);
    case "param":
      return given(env.params?.[expr.name], `parameter ${expr.name}`);
    case "table": {
      const table = given(module.tables[expr.table], `table ${expr.table}`);
      const row = held(value(expr.row), table.rows);
      const column = held(value(expr.column), table.columns);
      return table.values[row * table.columns + column]!;
    }
    case "neg":
    case "abs":
    case "not":
    case "log":
    case "exp":
    case "tanh":
    case "floor":
    case "ceil":
      return hostUnary(expr.kind, value(expr.a));
    case "select":
      return value(expr.cond) !== 0 ? value(expr.a) : value(expr.b);
    default:
      return hostBinary(expr.kind, value(expr.a), value(expr.b));
  }
}

export type HostUnary = Extract<HostExpr, { readonly a: HostExpr; readonly b?: never }>["kind"];

export function hostUnary(kind: HostUnary, a: number): number {
  switch (kind) {
    case "neg":
      return -a;
    case "abs":
      return Math.abs(a);
    case "not":
      return a === 0 ? 1 : 0;
    case "log":
      return Math.log(a);
    case "exp":
      return Math.exp(a);
    case "tanh":
      return Math.tanh(a);
    case "floor":
      return Math.floor(a);
    case "ceil":
      return Math.ceil(a);
  }
}

export type HostBinary = Extract<HostExpr, { readonly b: HostExpr; readonly cond?: never }>["kind"];

export function hostBinary(kind: HostBinary, a: number, b: number): number {
  switch (kind) {
    case "add":
      return a + b;
    case "sub":
      return a - b;
    case "mul":
      return a * b;
    case "divide":
      return a / b;
    case "floordiv":
      return Math.floor(a / b);
    case "mod":
      return a - b * Math.floor(a / b);
    case "min":
      return Math.min(a, b);
    case "max":
      return Math.max(a, b);
    case "lt":
      return a < b ? 1 : 0;
    case "le":
      return a <= b ? 1 : 0;
    case "eq":
      return a === b ? 1 : 0;
    case "ne":
      return a !== b ? 1 : 0;
    case "and":
      return a !== 0 && b !== 0 ? 1 : 0;
    case "or":
      return a !== 0 || b !== 0 ? 1 : 0;
  }
}

function variableOf(name: Variable, env: MaskEnv, h: number, pair: PairEnv | undefined): number {
  switch (name) {
    case "N":
      return env.N;
    case "NQ":
      return env.NQ;
    case "h":
      return h;
    case "kvh":
      return kvHeadOf(h, env.heads, env.kvHeads);
    case "q":
    case "k":
    case "b":
      return given(pair?.[name], name);
    default:
      return given(env[name], name);
  }
}

/** Ids past either end of an input read its first or last one. */
function readId(name: string, index: number, at: PairEnv): number {
  const input = inputOf(name, "ids", at);
  if (input.length === 0) return 0;
  return input.data[idsRow(input, at.env, at.b, at.h) + Math.max(0, Math.min(input.length - 1, index))]!;
}

function readBit(name: string, row: number, column: number, at: PairEnv): boolean {
  const input = inputOf(name, "bits", at);
  if (row < 0 || row >= input.rows || column < 0 || column >= input.columns) return false;
  const entry = input.batch === 1 ? 0 : at.b;
  const head = inputHead(input.heads, at.h, at.env.heads, at.env.kvHeads);
  return input.data[((entry * input.heads + head) * input.rows + row) * input.columns + column] !== 0;
}

/** Where the ids of a batch entry and query head begin. */
export function idsRow({ batch, heads = 1, length }: IdsValue, env: Pick<MaskEnv, "heads" | "kvHeads">, b: number, h: number): number {
  return ((batch === 1 ? 0 : b) * heads + inputHead(heads, h, env.heads, env.kvHeads)) * length;
}

/** Which head of an input a query head reads: inputs have as many heads as the query heads, the kv heads, or one. */
export function inputHead(inputHeads: number, h: number, heads: number, kvHeads: number): number {
  if (inputHeads === 1) return 0;
  return inputHeads === heads ? h : kvHeadOf(h, heads, kvHeads);
}

function inputOf<K extends InputValue["kind"]>(name: string, kind: K, at: PairEnv): Extract<InputValue, { readonly kind: K }> {
  const input = given(at.env.inputs?.[name], `input ${name}`);
  if (input.kind !== kind) throw new Error(`input ${name} is given as ${input.kind}, the mask reads ${kind}`);
  return input as Extract<InputValue, { readonly kind: K }>;
}

function held(index: number, length: number): number {
  return Math.max(0, Math.min(length - 1, Math.floor(index)));
}

function given<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`the mask environment lacks ${what}`);
  return value;
}

function positive(divisor: number): number {
  if (divisor <= 0) throw new Error(`a divisor is ${divisor}; the mask should have been refused`);
  return divisor;
}
