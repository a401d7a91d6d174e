import { diagnostic } from "../../../diagnostics/report.js";
import type { ElementOp, TensorLet, TensorTyped } from "../../../semantics/tensors/model.js";
import type { Typed } from "../../../semantics/typed.js";
import type { Tensor, TensorBinary } from "../../selection.js";
import type { Frame, Lowering } from "../lower.js";
import { clustersOf, headsOfClusters } from "../../clusters.js";
import {
  axesOf,
  describeColumns,
  describeRows,
  holdsAll,
  inUnits,
  keys,
  noAxes,
  reportUnits,
  sameColumns,
  sameKind,
  strideOf,
  type UnitOf,
  windows,
} from "./axes.js";
import { jensenShannonDistance } from "./distance.js";
import { lowBit } from "./low-bit.js";
import type { TensorMaker } from "./make.js";

/** The units of a selection in tokens. */
export interface UnitSizes {
  readonly q?: number | undefined;
  readonly k?: number | undefined;
  readonly diag?: number | undefined;
  /** What they are of where they are no blocks of positions; clusters are counted. */
  readonly of: { readonly q?: UnitOf | undefined; readonly k?: UnitOf | undefined };
}

/** What a tensor expression is lowered in. */
export interface TensorFrame {
  readonly frame: Frame;
  readonly lowering: Lowering;
  readonly make: TensorMaker;
  /** Tensors with names, each lowered once for each use of its declaration. */
  readonly named: Map<TensorLet, Tensor>;
  /** Places are positions here: of what an order is made from. */
  readonly inPositions?: true | undefined;
  /** Of the selection whose score this is. */
  readonly units?: UnitSizes | undefined;
}

export function lowerTensor(typed: TensorTyped, at: TensorFrame): Tensor {
  const { make, lowering, frame, units } = at;
  const { span } = typed;
  const below = (each: TensorTyped): Tensor => lowerTensor(each, at);
  switch (typed.kind) {
    case "error":
      throw new Error("a tensor with an error reached the mask");
    case "host":
      return hostTensor(typed.value, at);
    case "scale":
      return make.node({ kind: "scale", axes: noAxes });
    case "view": {
      if (typed.of === "k") return make.node({ kind: "view", of: "k", axes: { heads: "kv", columns: keys(1), dim: true } });
      const last = typed.last && size(typed.last, "the number of last queries", at);
      return make.node({
        kind: "view",
        of: "q",
        axes: { heads: "query", rows: { unit: 1, ...(last === undefined ? {} : { last }) }, dim: true },
      });
    }
    case "input": {
      const { name, kind, axis } = typed.input;
      lowering.useInput(typed.input);
      const [n, m] = lowering.inputSizes(typed.input, frame);
      if (kind === "channels") return make.node({ kind: "input", name, axes: { heads: "query", dim: true } });
      if (kind === "weights") {
        const along = axis === "q" ? { rows: { unit: 1 } } : { columns: keys(1) };
        return make.node({ kind: "input", name, axes: { heads: "query", ...along, dim: false } });
      }
      if (kind === "pooled") return make.node({ kind: "input", name, axes: { heads: "query", columns: windows(n!, m!), dim: true } });
      return make.node({ kind: "input", name, axes: { heads: "query", rows: { unit: n! }, columns: keys(m!), dim: false } });
    }
    case "named": {
      const known = at.named.get(typed.named);
      const tensor = known ?? lowerTensor(typed.named.value, { ...at, units: undefined });
      at.named.set(typed.named, tensor);
      return tensor;
    }
    case "units": {
      const { rows, columns } = below(typed.axis).axes;
      const clusters = clustersOf(rows) ?? clustersOf(columns);
      const heads = clusters === undefined ? "one" : headsOfClusters(clusters);
      const axes = axesOf({ heads, rows, columns, dim: false });
      return make.node(typed.what === "size" ? { kind: "size", axes } : { kind: "position", end: typed.what, axes });
    }
    case "unary":
      return typed.op === "not" ? make.binary("sub", make.number(1), below(typed.a), span) : make.unary(typed.op, below(typed.a));
    case "low bit":
      return lowBit(below(typed.a), typeof typed.bits === "number" ? typed.bits : bitsOf(typed.bits, at), span, make);
    case "binary":
      return element(typed.op, below(typed.a), below(typed.b), span, make);
    case "choose":
      return make.choose(below(typed.condition), below(typed.a), below(typed.b), span);
    case "pool":
      return pool(typed, at);
    case "reduce":
      return make.reduce(typed.op, typed.over, below(typed.a));
    case "diagonals":
      return diagonals(typed, at);
    case "dot":
      return make.dot(below(typed.a), below(typed.b), span);
    case "softmax":
      return make.softmax(below(typed.a), typed.where && below(typed.where), span);
    case "smooth": {
      const a = below(typed.a);
      return make.node({ kind: "smooth", op: typed.op, size: size(typed.size, "the size of a window", at), a, axes: a.axes });
    }
    case "fold":
      return fold(typed, units?.k, at);
    case "distance":
      return jensenShannonDistance(below(typed.a), below(typed.b), span, make);
  }
}

/** A size that is known when the program is compiled: at least 1. */
export function size(typed: Typed, what: string, { lowering, frame }: TensorFrame): number {
  const found = lowering.known(typed, frame, what);
  if (found === undefined || found >= 1) return found ?? 1;
  lowering.add(diagnostic("ATTN3001", typed.span, { what, rule: "at least 1", found }));
  return 1;
}

/** How many bits a vector's elements keep. */
function bitsOf(typed: Typed, { lowering, frame }: TensorFrame): number {
  const what = "`bits` of `low_bit`";
  const found = lowering.known(typed, frame, what);
  if (found === undefined || (found >= 2 && found <= 8)) return found ?? 4;
  lowering.add(diagnostic("ATTN3001", typed.span, { what, rule: "from 2 to 8", found }));
  return 4;
}

/** A number of the host: itself where it is known, a host scalar in float32 where a launch or a head decides. */
function hostTensor(typed: Typed, { lowering, frame, make }: TensorFrame): Tensor {
  const value = lowering.lower(typed, frame);
  if (value.host === undefined) {
    // The host has no such operation.
    lowering.add(diagnostic("ATTN2201", typed.span, { what: "`pow2` in a tensor expression" }));
    return make.number(0);
  }
  const real = lowering.values.real(value);
  if (real.kind === "number" && !Number.isFinite(real.value)) {
    lowering.add(diagnostic("ATTN3001", typed.span, { what: "a number in a tensor expression", rule: "finite", found: real.value }));
    return make.number(0);
  }
  return real.kind === "number" ? make.number(real.value) : make.node({ ...real, axes: { ...noAxes, heads: "query" } });
}

const directly: Partial<Record<ElementOp, TensorBinary>> = {
  add: "add",
  sub: "sub",
  mul: "mul",
  div: "div",
  min: "min",
  max: "max",
  lt: "lt",
  le: "le",
  and: "min",
  or: "max",
};

function element(op: ElementOp, a: Tensor, b: Tensor, span: TensorTyped["span"], make: TensorMaker): Tensor {
  const direct = directly[op];
  if (direct !== undefined) return make.binary(direct, a, b, span);
  if (op === "gt" || op === "ge") return make.binary(op === "gt" ? "lt" : "le", b, a, span);
  const equal = make.binary("min", make.binary("le", a, b, span), make.binary("le", b, a, span), span);
  return op === "eq" ? equal : make.binary("sub", make.number(1), equal, span);
}

function pool(typed: Extract<TensorTyped, { readonly kind: "pool" }>, at: TensorFrame): Tensor {
  const { lowering, make, units } = at;
  const a = lowerTensor(typed.a, at);
  const { span } = typed;
  const given = typed.unit && size(typed.unit, "the size of a block", at);
  const unitOf = (axis: "q" | "k"): UnitOf | undefined =>
    given === undefined ? units?.of[axis] : at.inPositions === true ? undefined : lowering.inTiles(typed.tile, axis, span);
  if (typed.over === "rows") {
    const wanted = inUnits(given ?? units!.q!, unitOf("q"));
    const rows = a.axes.rows!;
    if (rows.last !== undefined || !sameKind(rows, wanted)) reportUnits(describeRows(rows), describeRows(wanted), span, lowering.add);
    else if (wanted.unit % rows.unit !== 0) reportMultiple(describeRows(wanted), wanted.unit, rows.unit, span, at);
    return make.poolRows(typed.op, a, wanted);
  }
  const columns = a.axes.columns!;
  const unit = given ?? (columns.kind === "keys" ? units!.k! : units!.diag!);
  const stride = typed.stride === undefined ? unit : size(typed.stride, "the stride of windows", at);
  const wanted = columns.kind === "keys" ? { ...keys(unit, stride), ...inUnits(unit, unitOf("k")) } : { kind: columns.kind, unit };
  if (!holdsAll(columns) || !sameKind(columns, wanted)) reportUnits(describeColumns(columns), describeColumns(wanted), span, lowering.add);
  for (const part of [unit, stride]) {
    if (part % columns.unit !== 0) reportMultiple(describeColumns(wanted), part, columns.unit, span, at);
  }
  return sameColumns(columns, wanted) ? a : make.poolColumns(typed.op, a, wanted);
}

export function reportMultiple(what: string, found: number, of: number, span: TensorTyped["span"], { lowering }: TensorFrame): void {
  lowering.add(diagnostic("ATTN3018", span, { what: `the size of ${what}`, found, of }));
}

function diagonals(typed: Extract<TensorTyped, { readonly kind: "diagonals" }>, at: TensorFrame): Tensor {
  const { lowering, make, units } = at;
  const a = lowerTensor(typed.a, at);
  const unit = typed.unit === undefined ? (units?.diag ?? 1) : size(typed.unit, "a number of distances", at);
  const { kind, causal } = lowering.around.space;
  if (kind !== "self" || !causal) lowering.add(diagnostic("ATTN2330", typed.span, { what: "`over: diag`" }));
  const { rows, columns } = a.axes;
  if (rows!.unit !== 1 || rows!.of !== undefined) reportUnits(describeRows(rows!), "diagonals", typed.span, lowering.add);
  if (columns!.unit !== 1 || !sameKind(columns!, keys(2))) reportUnits(describeColumns(columns!), "diagonals", typed.span, lowering.add);
  const axes = axesOf({ heads: a.axes.heads, columns: { kind: "offsets", unit }, dim: false });
  return make.node({ kind: "diagonals", op: typed.op, a, axes });
}

/** Windows of w keys that start every s, weighted to units of U: see the node. */
function fold(typed: Extract<TensorTyped, { readonly kind: "fold" }>, unit: number | undefined, at: TensorFrame): Tensor {
  const { lowering, make } = at;
  const { span } = typed;
  const a = lowerTensor(typed.a, at);
  const columns = a.axes.columns!;
  const stride = strideOf(columns);
  const wanted = { ...keys(unit!), ...inUnits(unit!, at.units?.of.k) };
  if (wanted.of !== undefined || !sameKind(columns, wanted)) lowering.add(diagnostic("ATTN2341", span, { what: "`fold`" }));
  else if (wanted.unit % stride !== 0) reportMultiple(describeColumns(wanted), wanted.unit, stride, span, at);
  else if (columns.unit % stride !== 0) reportMultiple(describeColumns(columns), columns.unit, stride, span, at);
  const before = Math.ceil(columns.unit / stride) - 1;
  const expected = Math.ceil(wanted.unit / stride) + before;
  const weights = typed.weights.map((weight) => lowering.known(weight, at.frame, "a weight of `fold`") ?? 0);
  if (weights.length !== expected) {
    const params = { unit: describeColumns(wanted), windows: describeColumns(columns), expected, found: weights.length };
    lowering.add(diagnostic("ATTN3019", span, params));
  }
  return make.node({ kind: "fold", weights, lead: before, a, axes: axesOf({ ...a.axes, columns: wanted }) });
}
