import { evaluateBool, evaluateHost, evaluateInt, inputHead, toScalar } from "../mask/evaluate.js";
import type { BitsValue, InputValue, MaskEnv, PairEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { madeOrder, orderLength, withOrders, wordsOf } from "../mask/layout/orders.js";
import { positions } from "../mask/layout/places.js";
import type { RealValue } from "../mask/selection.js";
import type { SizeEnv } from "../../runtime/launch/module.js";
import { intOp } from "./int.js";
import type { Bits, Cond, Int, Real } from "./ir.js";
import { storedRow, type Memory, type SelectionCall, type StoredBits } from "./memory.js";
import { inputElement, keyElement, queryElement, servedHeads } from "./places.js";
import { readWord } from "./words.js";

/** The values of the names in scope, by slot. */
export type Frame = number[];

type IntOf = (frame: Frame) => number;
type RealOf = (frame: Frame) => number;
type CondOf = (frame: Frame) => boolean;

const [B, HEAD, H, KVH, ROW, COLUMN, DIM, PRODUCT] = [0, 1, 2, 3, 4, 5, 6, 7];
const SLOTS = ["b", "head", "h", "kvh", "row", "column", "dim", "product"];

/** Makes closures of the expressions of a program for a part of a call. What they load is what `memory` holds by then. */
export class Evaluation {
  private readonly scalars = new Map<number, readonly number[]>();
  private readonly slots = new Map(SLOTS.map((name, slot) => [name, slot]));
  private readonly env: MaskEnv;

  constructor(
    readonly module: MaskModule,
    readonly call: SelectionCall,
    private readonly memory: Memory,
    private readonly sizes: SizeEnv,
  ) {
    this.env = withOrders(module, call.env);
  }

  /** A frame of a stage: the heads that its head serves. */
  frame(heads: Parameters<typeof servedHeads>[0], b: number, head: number): Frame {
    const frame = [b, head, 0, 0, 0, 0, 0, 0];
    const served = servedHeads(heads);
    frame[H] = this.int(served.h)(frame);
    frame[KVH] = this.int(served.kvh)(frame);
    return frame;
  }

  /** Moves a frame to an element of its head. */
  place(frame: Frame, row: number, column: number, dim = 0): Frame {
    frame[ROW] = row;
    frame[COLUMN] = column;
    frame[DIM] = dim;
    return frame;
  }

  bitAt(bits: StoredBits, frame: Frame, row: number, column: number): boolean {
    return bits.data[storedRow(bits, frame[B]!, frame[HEAD]!, row) * bits.columns + column] !== 0;
  }

  /** A bit of a matrix that the mask reads, of the head that serves a frame's. */
  private servedBit({ heads, rows, columns, data }: BitsValue, frame: Frame, row: number, column: number): boolean {
    const head = inputHead(heads, frame[H]!, this.call.env.heads, this.call.env.kvHeads);
    return data[((frame[B]! * heads + head) * rows + row) * columns + column] !== 0;
  }

  /** A row of 32 bits of a matrix in the aux buffer, as a word. */
  private wordOf({ heads, rows, data }: BitsValue, frame: Frame, row: number): number {
    const head = inputHead(heads, frame[H]!, this.call.env.heads, this.call.env.kvHeads);
    const start = ((frame[B]! * heads + head) * rows + row) * 32;
    let word = 0;
    for (let bit = 0; bit < 32; bit++) word |= data[start + bit]! << bit;
    return word;
  }

  setDim(frame: Frame, dim: number): void {
    frame[DIM] = dim;
  }

  setProduct(frame: Frame, product: number): Frame {
    frame[PRODUCT] = product;
    return frame;
  }

  /** A number of the launch. */
  size(a: Int): number {
    return this.int(a)([]);
  }

  int(a: Int): IntOf {
    switch (a.kind) {
      case "int":
        return () => a.value;
      case "shape": {
        const value = this.sizes[a.name];
        return () => value;
      }
      case "name": {
        const slot = this.slotOf(a.name);
        return (frame) => frame[slot]!;
      }
      case "mask":
        return (frame) => evaluateInt(a.expr, this.pairEnv(frame, 0, 0));
      case "token": {
        const place = this.int(a.place);
        if (a.bits !== undefined) {
          const order = a.bits;
          return (frame) => this.wordOf(this.memory.bits(order), frame, place(frame));
        }
        return (frame) => positions(this.module, this.env, a.axis, frame[B]!, frame[H]!)![place(frame)]!;
      }
      case "id": {
        const place = this.int(a.place);
        return (frame) =>
          evaluateInt({ kind: "load", input: a.input, index: { kind: "int", value: place(frame) } }, this.pairEnv(frame, 0, 0));
      }
      case "whole":
        return this.real(a.of);
      default: {
        const [x, y] = [this.int(a.a), this.int(a.b)];
        const { kind } = a;
        if (kind === "add") return (frame) => x(frame) + y(frame);
        if (kind === "mul") return (frame) => x(frame) * y(frame);
        if (kind !== "div" && kind !== "mod") return (frame) => intOp(kind, x(frame), y(frame));
        return (frame) => {
          const [left, right] = [x(frame), y(frame)];
          if (left < 0 || right < 1) throw new Error(`${left} ${kind} ${right} in a selection program`);
          return intOp(kind, left, right);
        };
      }
    }
  }

  cond(cond: Cond): CondOf {
    switch (cond.kind) {
      case "bool":
        return () => cond.value;
      case "lt":
      case "le": {
        const [a, b] = [this.int(cond.a), this.int(cond.b)];
        return cond.kind === "lt" ? (frame) => a(frame) < b(frame) : (frame) => a(frame) <= b(frame);
      }
      case "and":
      case "or": {
        const items = cond.items.map((item) => this.cond(item));
        return cond.kind === "and" ? (frame) => items.every((item) => item(frame)) : (frame) => items.some((item) => item(frame));
      }
      case "not": {
        const a = this.cond(cond.a);
        return (frame) => !a(frame);
      }
      case "nonzero": {
        const a = this.real(cond.a);
        return (frame) => a(frame) !== 0;
      }
      case "mask":
        return (frame) => evaluateBool(cond.expr, this.pairEnv(frame, 0, 0));
      case "bit": {
        const bits = this.memory.bits(cond.bits);
        const [row, column] = [this.int(cond.row), this.int(cond.column)];
        if (cond.bits.base === undefined) return (frame) => this.servedBit(bits, frame, row(frame), column(frame));
        return (frame) => this.bitAt(bits, frame, row(frame), column(frame));
      }
    }
  }

  /** In float32 at every operation. */
  real(value: Real): RealOf {
    const exact = this.exact(value);
    return (frame) => Math.fround(exact(frame));
  }

  /** What a mask sees at a pair, for the query head that a stage's head serves first. */
  pairEnv(frame: Frame, q: number, k: number, env: MaskEnv = this.env): PairEnv {
    const h = frame[H]!;
    return { env, scalars: this.scalarsOf(h), b: frame[B]!, h, q, k };
  }

  /** What masks see that read matrices of bits by their names. */
  envWith(read: readonly Bits[]): MaskEnv {
    // An order is read again for each part: of heads that have none yet nothing is there.
    const value = (bits: Bits): InputValue => {
      const stored = this.memory.bits(bits);
      const order = madeOrder(this.module, bits.name);
      if (order === undefined) return stored;
      const { batch, heads } = stored;
      const length = orderLength(order, this.module.space, this.call.env);
      return { kind: "ids", batch, heads, length, data: wordsOf(stored, length) };
    };
    return { ...this.env, inputs: { ...this.env.inputs, ...Object.fromEntries(read.map((bits) => [bits.name, value(bits)])) } };
  }

  realValue(value: RealValue, frame: Frame): number {
    return value.kind === "number" ? Math.fround(value.value) : this.scalarsOf(frame[H]!)[value.slot]!;
  }

  private slotOf(name: string): number {
    let slot = this.slots.get(name);
    if (slot === undefined) this.slots.set(name, (slot = this.slots.size));
    return slot;
  }

  private scalarsOf(h: number): readonly number[] {
    let scalars = this.scalars.get(h);
    if (!scalars) {
      scalars = this.module.scalars.map(({ expr, as }) => {
        const value = evaluateHost(expr, this.module, this.call.env, h);
        return as === "f32" ? Math.fround(value) : toScalar(value);
      });
      this.scalars.set(h, scalars);
    }
    return scalars;
  }

  private exact(value: Real): RealOf {
    const { call } = this;
    switch (value.kind) {
      case "number":
        return () => value.value;
      case "scale": {
        const scale = call.scale ?? 1 / Math.sqrt(call.headDim);
        return () => scale;
      }
      case "scalar": {
        const head = this.int(value.head);
        return (frame) => this.scalarsOf(head(frame))[value.slot]!;
      }
      case "float":
        return this.int(value.a);
      case "load":
        return this.load(value);
      case "query": {
        const at = this.int(queryElement(value.head, value.row, value.dim));
        return (frame) => call.q[at(frame)]!;
      }
      case "key": {
        const at = this.int(keyElement(value.head, value.row, value.dim));
        return (frame) => call.k[at(frame)]!;
      }
      case "input":
        return this.input(value);
      case "word": {
        const { heads, rows, columns, data } = this.memory.bits(value.from);
        const [head, row, dim] = [value.at.head, value.at.row, value.at.dim].map((each) => this.int(each)) as [IntOf, IntOf, IntOf];
        return (frame) => readWord(data, ((frame[B]! * heads + head(frame)) * rows + row(frame)) * columns + dim(frame) * 32);
      }
      case "product":
        return (frame) => frame[PRODUCT]!;
      case "neg": {
        const a = this.real(value.a);
        return (frame) => -a(frame);
      }
      case "abs":
      case "exp":
      case "log":
      case "tanh":
      case "sqrt": {
        const a = this.real(value.a);
        const operation = Math[value.kind];
        return (frame) => operation(a(frame));
      }
      case "round": {
        const a = this.real(value.a);
        return (frame) => roundToEven(a(frame));
      }
      case "choose": {
        const [cond, a, b] = [this.cond(value.cond), this.real(value.a), this.real(value.b)];
        return (frame) => (cond(frame) ? a(frame) : b(frame));
      }
      case "loop":
        return this.loop(value);
      default: {
        const [a, b] = [this.real(value.a), this.real(value.b)];
        const operation = REAL_OPERATIONS[value.kind];
        return (frame) => operation(a(frame), b(frame));
      }
    }
  }

  private load({ from, at }: Extract<Real, { kind: "load" }>): RealOf {
    const stored = this.memory.tensor(from);
    const { columns, dim, data } = stored;
    const index = (each: Int | undefined): IntOf => (each === undefined ? () => 0 : this.int(each));
    const [head, row, column, d] = [at.head, at.row, at.column, at.dim].map(index) as [IntOf, IntOf, IntOf, IntOf];
    return (frame) => data[(storedRow(stored, frame[B]!, head(frame), row(frame)) * columns + column(frame)) * dim + d(frame)]!;
  }

  private input({ input, at }: Extract<Real, { kind: "input" }>): RealOf {
    const { call } = this;
    const floats = call.floats?.[input.name];
    if (!floats) throw new Error(`the call lacks input ${input.name}`);
    const { batch, heads, data } = floats;
    const size = data.length / (batch * heads);
    const [head, element] = [this.int(at.head), this.int(inputElement(input, at))];
    return (frame) => {
      const entry = (batch === 1 ? 0 : frame[B]!) * heads + Math.floor((head(frame) * heads) / call.env.heads);
      return data[entry * size + element(frame)]!;
    };
  }

  private loop({ op, name, from, to, where, body }: Extract<Real, { kind: "loop" }>): RealOf {
    const slot = this.slotOf(name);
    const [first, end, value] = [this.int(from), this.int(to), this.real(body)];
    const among = where === undefined ? () => true : this.cond(where);
    const combine = op === "sum" ? (a: number, b: number) => Math.fround(a + b) : Math[op];
    return (frame) => {
      let result: number | undefined;
      const last = end(frame);
      for (let i = first(frame); i < last; i++) {
        frame[slot] = i;
        if (among(frame)) result = result === undefined ? value(frame) : combine(result, value(frame));
      }
      return result ?? 0;
    };
  }
}

/** The nearest whole number, the even one from half way. */
function roundToEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

const REAL_OPERATIONS = {
  add: (a: number, b: number) => a + b,
  sub: (a: number, b: number) => a - b,
  mul: (a: number, b: number) => a * b,
  div: (a: number, b: number) => a / b,
  min: Math.min,
  max: Math.max,
  lt: (a: number, b: number) => (a < b ? 1 : 0),
  le: (a: number, b: number) => (a <= b ? 1 : 0),
} as const;
