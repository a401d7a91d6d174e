import { clusteredTokens, clustersOf } from "../mask/clusters.js";
import type { OfClusters, SelectionHeads, Tensor as TensorNode } from "../mask/selection.js";
import { tensorChildren } from "../mask/selection-walk.js";
import { columnCount, columnSpan, groupSize, rowCount, rowSpan, stripRows } from "./axes.js";
import { add, ALWAYS, and, ceilDiv, div, int, intKey, le, lt, max, min, mod, mul, named, ONE, product, shape, sub, ZERO } from "./int.js";
import type { Cond, Int, Real, Tensor } from "./ir.js";
import { membersOf, seedOf, sizeOfCluster } from "./clusters.js";
import * as units from "./place-units.js";
import type { PlaceContext } from "./place-units.js";
import { binary, choose, float, loop, number } from "./reals.js";

/** Where a tensor is asked for its number: an index for each axis that it may have. */
export interface Cursor {
  readonly heads: SelectionHeads;
  readonly head: Int;
  readonly row?: Int | undefined;
  readonly column?: Int | undefined;
  readonly dim?: Int | undefined;
}

export function cursorKey({ heads, head, row, column, dim }: Cursor): string {
  return [heads, ...[head, row, column, dim].map((each) => (each === undefined ? "" : intKey(each)))].join(";");
}

/** What the definition of a number needs of the program that is being built. */
export interface ValueContext extends PlaceContext {
  readonly value: (node: TensorNode, at: Cursor) => Real;
  readonly loadOf: (from: Tensor, at: Cursor) => Real;
  /** Where the numbers of a node are stored. */
  readonly stored: (node: TensorNode) => Tensor;
  /** Makes numbers of a stage once for a node. */
  readonly once: <T>(node: TensorNode, make: () => T) => T;
}

/** The head that serves one of another kind: kv heads serve the query heads of their groups. */
export function headFor({ heads, head }: Pick<Cursor, "heads" | "head">, wanted: SelectionHeads): Int {
  if (wanted === heads) return head;
  if (wanted === "one") return ZERO;
  if (wanted === "kv" && heads === "query") return div(head, groupSize);
  throw new Error(`a tensor of ${wanted} heads is read for ${heads} heads; the selection should have been refused`);
}

/** Kinds whose numbers cost a loop: they are computed once and stored. */
export function isStored({ kind }: TensorNode): boolean {
  return storedKinds.has(kind);
}

const storedKinds: ReadonlySet<TensorNode["kind"]> = new Set(["pool", "dot", "reduce", "heads", "diagonals", "smooth", "fold", "update"]);

/** The definition of a tensor's number at a place. */
export function valueOf(context: ValueContext, node: TensorNode, at: Cursor): Real {
  const value = (child: TensorNode): Real => context.value(child, at);
  switch (node.kind) {
    case "number":
      return number(node.value);
    case "scalar":
      return { kind: "scalar", slot: node.slot, head: headFor(at, "query") };
    case "scale":
      return { kind: "scale" };
    case "view":
      return node.of === "q"
        ? { kind: "query", head: headFor(at, "query"), row: queryOf(node, at), dim: at.dim! }
        : { kind: "key", head: headFor(at, "kv"), row: node.axes.rows === undefined ? at.column! : at.row!, dim: at.dim! };
    case "seeds":
      return vectorOf(node.of, at, seedOf(node.of, node.axes.columns!.unit, at.column!));
    case "update":
      return update(context, node, at);
    case "input":
      return inputOf(context, node, at);
    case "position":
      if (node.axes.rows !== undefined) return units.positionOfRow(context, node.axes.rows, at.row!, node.end);
      return units.positionOfColumn(context, node.axes.columns!, at.column!, node.end);
    case "size":
      return sizeOf(context, node, at);
    case "neg":
    case "abs":
    case "exp":
    case "log":
    case "tanh":
    case "sqrt":
    case "round":
      return { kind: node.kind, a: value(node.a) };
    case "choose":
      return choose({ kind: "nonzero", a: value(node.cond) }, value(node.a), value(node.b));
    case "softmax":
      return softmax(context, node, at);
    case "dot": {
      const d = named(context.fresh());
      const [a, b] = [node.a, node.b].map((each) => context.value(each, { ...at, dim: d })) as [Real, Real];
      return loop("sum", d.name, ZERO, shape("headDim"), binary("mul", a, b));
    }
    case "pool":
      return pool(context, node, at);
    case "reduce":
      return reduce(context, node, at);
    case "heads":
      return overHeads(context, node, at);
    case "diagonals":
      return diagonals(context, node, at);
    case "smooth": {
      const count = columnCount(node.a.axes.columns!);
      const i = named(context.fresh());
      const from = max(ZERO, sub(at.column!, int(Math.floor((node.size - 1) / 2))));
      const to = min(count, add(at.column!, int(Math.floor(node.size / 2) + 1)));
      const body = context.value(node.a, { ...at, column: i });
      const found = loop(node.op === "mean" ? "sum" : "max", i.name, from, to, body);
      return node.op === "mean" ? binary("div", found, number(node.size)) : found;
    }
    case "fold":
      return fold(context, node, at);
    default:
      return binary(node.kind, value(node.a), value(node.b));
  }
}

/** An element of a query, by its row, or of a key. */
function vectorOf(of: "q" | "k", at: Cursor, row: Int): Real {
  return { kind: of === "q" ? "query" : "key", head: headFor(at, of === "q" ? "query" : "kv"), row, dim: at.dim! };
}

/** The mean of the tokens of a cluster, one after another. */
function update(context: ValueContext, { by, a }: Extract<TensorNode, { kind: "update" }>, at: Cursor): Real {
  const { from, to, count, tokenAt: token } = membersOf(context, by, at.column!);
  const i = named(context.fresh());
  const sum = loop("sum", i.name, from, to, vectorOf(clusteredTokens(by), at, token(i)));
  return choose(lt(ZERO, count), binary("div", sum, float(count)), context.value(a, at));
}

/** The row of the call: a view of the last queries counts from the first of them. */
function queryOf(node: TensorNode, at: Cursor): Int {
  const last = node.axes.rows?.last;
  return last === undefined ? at.row! : add(sub(shape("NQ"), min(int(last), shape("NQ"))), at.row!);
}

function inputOf({ module }: ValueContext, node: Extract<TensorNode, { kind: "input" }>, at: Cursor): Real {
  const input = module.floatInputs?.find(({ name }) => name === node.name);
  if (input === undefined) throw new Error(`no input of floats is called ${node.name}`);
  // A head of the input goes by the query heads that it serves.
  const head = node.axes.heads === "kv" ? mul(headFor(at, "kv"), groupSize) : headFor(at, "query");
  switch (input.kind) {
    case "scores":
      return { kind: "input", input, at: { head, row: at.row!, column: at.column! } };
    case "channels":
      return { kind: "input", input, at: { head, dim: at.dim! } };
    case "weights":
      return { kind: "input", input, at: input.axis === "q" ? { head, row: at.row! } : { head, column: at.column! } };
    case "centroids":
    case "pooled":
      return { kind: "input", input, at: { head, column: at.column!, dim: at.dim! } };
  }
}

/** The number of positions in a unit of the one axis that a tensor has. */
function sizeOf(context: ValueContext, { axes: { rows, columns } }: TensorNode, at: Cursor): Real {
  const count = (from: Int, to: Int): Real => float(sub(to, from));
  if (rows !== undefined) {
    if (units.isOfPlaces(rows)) return units.queriesOfRow(context, rows, at.row!);
    const { first, last } = rowSpan(context.module.space, rows, at.row!);
    return count(first, add(last, ONE));
  }
  const clusters = clustersOf(columns);
  if (clusters !== undefined) return float(sizeOfCluster(context, clusters, at.column!));
  if (units.isOfPlaces(columns)) {
    const { from, to } = units.placesOf(columns!, at.column!);
    return count(from, to);
  }
  const { first, last } = columnSpan(columns!, at.column!);
  return count(first, add(last, ONE));
}

/** exp(a - max) / sum over candidates; both numbers of a row are stages of their own. */
function softmax(context: ValueContext, node: Extract<TensorNode, { kind: "softmax" }>, at: Cursor): Real {
  const { rows, columns } = node.axes;
  const kept = (where: Cursor): Cond => (node.where === undefined ? and() : { kind: "nonzero", a: context.value(node.where, where) });
  const { most, sum } = context.once(node, () => {
    const here: Cursor = { heads: node.axes.heads, head: named("head"), row: rows === undefined ? undefined : named("row") };
    const axes = { heads: node.axes.heads, rows, dim: false };
    const over = (op: "max" | "sum", body: (value: Real) => Real): Real => {
      const i = named(context.fresh());
      const place = { ...here, column: i };
      const { to, among } = units.candidatesOf(context, rows, columns!, here.row ?? ZERO);
      return loop(op, i.name, ZERO, to, body(context.value(node.a, place)), and(among(i), kept(place)));
    };
    const most = context.map(
      "largest of a row",
      axes,
      over("max", (value) => value),
    );
    const shifted = (value: Real): Real => ({ kind: "exp", a: binary("sub", value, context.loadOf(most, here)) });
    return { most, sum: context.map("sum of exp of a row", axes, over("sum", shifted)) };
  });
  const exp: Real = { kind: "exp", a: binary("sub", context.value(node.a, at), context.loadOf(most, at)) };
  const among = and(units.candidateIn(context, rows, columns, at.row ?? ZERO, at.column!), kept(at));
  return choose(among, binary("div", exp, context.loadOf(sum, at)), number(0));
}

function pool(context: ValueContext, node: Extract<TensorNode, { kind: "pool" }>, at: Cursor): Real {
  const [finer, coarse] = [node.a.axes[node.over]!, node.axes[node.over]!];
  const clusters = clustersOf(coarse);
  if (clusters !== undefined) return poolClusters(context, node, clusters, at);
  if (units.isOfPlaces(coarse)) return poolPlaces(context, node, units.isOfPlaces(finer) ? finer.unit : undefined, at);
  const { from, to } = node.over === "rows" ? finerRows(context, node, at) : finerColumns(node, at);
  const index = (i: Int): Cursor => (node.over === "rows" ? { ...at, row: i } : { ...at, column: i });
  if (node.op === "first") return context.value(node.a, index(from));
  if (node.op === "last") return context.value(node.a, index(sub(to, ONE)));
  const i = named(context.fresh());
  const found = loop(node.op === "mean" ? "sum" : node.op, i.name, from, to, context.value(node.a, index(i)));
  return node.op === "mean" ? binary("div", found, float(sub(to, from))) : found;
}

/** A cluster takes its tokens. Of an empty one a mean is 0: it is no candidate. */
function poolClusters(context: ValueContext, node: Extract<TensorNode, { kind: "pool" }>, of: OfClusters, at: Cursor): Real {
  const byRow = node.over === "rows";
  const { from, to, count, tokenAt: token } = membersOf(context, of, byRow ? at.row! : at.column!);
  const i = named(context.fresh());
  const body = context.value(node.a, byRow ? { ...at, row: token(i) } : { ...at, column: token(i) });
  const found = loop(node.op === "mean" ? "sum" : (node.op as "sum" | "min" | "max"), i.name, from, to, body);
  return node.op === "mean" ? binary("div", found, float(max(count, ONE))) : found;
}

/** A unit of places takes the tokens at them, or, of finer units of places, those that it is made of. */
function poolPlaces(context: ValueContext, node: Extract<TensorNode, { kind: "pool" }>, finer: number | undefined, at: Cursor): Real {
  const byRow = node.over === "rows";
  const axis = node.axes[node.over]!;
  const index = byRow ? at.row! : at.column!;
  const i = named(context.fresh());
  const ofFiner = (): { from: Int; to: Int } => {
    const from = mul(index, int(axis.unit / finer!));
    return { from, to: min(add(from, int(axis.unit / finer!)), ceilDiv(shape("N"), int(finer!))) };
  };
  const { from, to } = finer === undefined ? units.placesOf(axis, index) : ofFiner();
  // Of queries only those of the call take part, and of finer units those that hold one.
  const takesPart = !byRow
    ? ALWAYS
    : finer === undefined
      ? units.isQuery(context, i)
      : units.candidateIn(context, node.a.axes.rows, undefined, i, ZERO);
  const inner = finer !== undefined ? i : byRow ? units.rowAt(context, i) : units.tokenOf(context, "k", i);
  const body = context.value(node.a, byRow ? { ...at, row: inner } : { ...at, column: inner });
  const found = loop(node.op === "mean" ? "sum" : (node.op as "sum" | "min" | "max"), i.name, from, to, body, takesPart);
  if (node.op !== "mean") return found;
  if (!byRow) return binary("div", found, float(sub(to, from)));
  const parts =
    finer === undefined
      ? units.queriesOfRow(context, axis, index)
      : loop("sum", `${i.name}n`, from, to, number(1), units.candidateIn(context, node.a.axes.rows, undefined, named(`${i.name}n`), ZERO));
  // A unit without a query is no candidate, and its number is never asked for.
  return binary("div", found, binary("max", parts, number(1)));
}

/** The finer rows of a row: from, and up to but without. */
function finerRows({ module: { space } }: ValueContext, node: Extract<TensorNode, { kind: "pool" }>, at: Cursor) {
  const span = rowSpan(space, node.axes.rows, at.row!);
  const finer = node.a.axes.rows!;
  if (finer.last !== undefined) throw new Error("the last queries have no units to pool them to");
  const unit = int(finer.unit);
  const start = div(rowSpan(space, { unit: 1 }, ZERO).first, unit);
  return { from: sub(div(span.first, unit), start), to: add(sub(div(span.last, unit), start), ONE) };
}

function finerColumns(node: Extract<TensorNode, { kind: "pool" }>, at: Cursor) {
  const finer = node.a.axes.columns!;
  const coarse = node.axes.columns!;
  const step = finer.kind === "keys" ? finer.stride : finer.unit;
  const stride = coarse.kind === "keys" ? coarse.stride : coarse.unit;
  const from = mul(at.column!, int(stride / step));
  return { from, to: min(add(from, int(coarse.unit / step)), columnCount(finer)) };
}

function reduce(context: ValueContext, node: Extract<TensorNode, { kind: "reduce" }>, at: Cursor): Real {
  const { rows, columns } = node.a.axes;
  const i = named(context.fresh());
  const op = node.op === "mean" ? "sum" : node.op;
  const mean = (sum: Real, length: Int): Real => (node.op === "mean" ? binary("div", sum, float(length)) : sum);
  switch (node.over) {
    case "dim":
      return mean(loop(op, i.name, ZERO, shape("headDim"), context.value(node.a, { ...at, dim: i })), shape("headDim"));
    case "columns": {
      const row = at.row ?? ZERO;
      const { to, among } = units.candidatesOf(context, rows, columns!, row);
      return mean(loop(op, i.name, ZERO, to, context.value(node.a, { ...at, column: i }), among(i)), columnCount(columns!));
    }
    case "rows": {
      const column = at.column ?? ZERO;
      const all = rowCount(context.module.space, rows);
      const some = (row: Int): Cond => units.candidateIn(context, rows, columns, row, column);
      const over = (from: Int, to: Int): Real => loop(op, i.name, from, to, context.value(node.a, { ...at, row: i }), some(i));
      if (!readsRows(node.a)) return mean(over(ZERO, all), all);
      if (node.op === "mean") return mean(context.value(sumOf(context, node), at), all);
      const { first, count } = stripRows(context.module.space, rows!.unit);
      return soFar(context, node, at, over(first, add(first, count)), some);
    }
  }
}

/** Whether numbers are stored below a node that a part of a call has for a strip of rows only. */
function readsRows(node: TensorNode): boolean {
  if (node.axes.rows === undefined || node.axes.rows.last !== undefined || units.isOfPlaces(node.axes.rows)) return false;
  return isStored(node) || node.kind === "softmax" || tensorChildren(node).some(readsRows);
}

/** The sum that a mean is a quotient of, as a node of its own. */
const sumOf = (context: ValueContext, node: Extract<TensorNode, { kind: "reduce" | "diagonals" }>): TensorNode =>
  context.once(node, (): TensorNode => ({ ...node, op: "sum" }));

/**
 * What all strips up to this one give, in their order, where `strip` is what this one gives. `some` says whether a row takes
 * part at all: if one does, those after it do too.
 */
function soFar(
  context: ValueContext,
  node: Extract<TensorNode, { kind: "reduce" | "diagonals" }>,
  at: Cursor,
  strip: Real,
  some: (row: Int) => Cond,
): Real {
  const { first, count } = stripRows(context.module.space, node.a.axes.rows!.unit);
  const later = lt(ZERO, shape("firstQuery"));
  // Each load stands once: then only the thread that stores the number reads the old one.
  const before = (): Real => context.loadOf(context.stored(node), at);
  if (node.op === "sum") return choose(later, binary("add", before(), strip), strip);
  const op = node.op === "min" ? "min" : "max";
  const both = choose(and(later, some(sub(first, ONE))), binary(op, before(), strip), strip);
  return choose(some(sub(add(first, count), ONE)), both, choose(later, before(), number(0)));
}

function overHeads(context: ValueContext, node: Extract<TensorNode, { kind: "heads" }>, at: Cursor): Real {
  const from = node.a.axes.heads;
  const toOne = node.axes.heads === "one";
  const count = from === "one" ? ONE : from === "kv" ? shape("kvHeads") : toOne ? shape("heads") : groupSize;
  const i = named(context.fresh());
  const head = toOne ? i : add(mul(headFor(at, "kv"), groupSize), i);
  const found = loop(node.op === "mean" ? "sum" : node.op, i.name, ZERO, count, context.value(node.a, { ...at, heads: from, head }));
  return node.op === "mean" ? binary("div", found, float(count)) : found;
}

/** One loop over rows and distances of the unit, so that the threads of a workgroup can share it. */
function diagonals(context: ValueContext, node: Extract<TensorNode, { kind: "diagonals" }>, at: Cursor): Real {
  const { space } = context.module;
  const { rows } = node.a.axes;
  const unit = int(node.axes.columns!.unit);
  const byStrips = readsRows(node.a);
  if (byStrips && node.op === "mean") return binary("div", context.value(sumOf(context, node), at), float(rowCount(space, rows)));
  const { first, count } = byStrips ? stripRows(space, 1) : { first: ZERO, count: rowCount(space, rows) };
  const i = named(context.fresh());
  const row = add(first, div(i, unit));
  const distance = add(mul(at.column!, unit), mod(i, unit));
  const position = rowSpan(space, rows, row).first;
  const body = context.value(node.a, { ...at, row, column: sub(position, distance) });
  const sum = loop("sum", i.name, ZERO, product(count, unit), body, le(distance, position));
  if (byStrips) return soFar(context, node, at, sum, () => ALWAYS);
  return node.op === "mean" ? binary("div", sum, float(count)) : sum;
}

/** Weights are constants, so the sum is written out. */
function fold(context: ValueContext, node: Extract<TensorNode, { kind: "fold" }>, at: Cursor): Real {
  const from = node.a.axes.columns!;
  if (from.kind !== "keys") throw new Error("distances are not folded by weights");
  const first = sub(mul(at.column!, int(node.axes.columns!.unit / from.stride)), int(node.lead));
  const count = columnCount(from);
  const terms = node.weights.map((weight, j): Real => {
    const column = add(first, int(j));
    const inside = and(le(ZERO, column), lt(column, count));
    const held = max(ZERO, min(column, sub(count, ONE)));
    return choose(inside, binary("mul", context.value(node.a, { ...at, column: held }), number(weight)), number(0));
  });
  return terms.reduce((sum, term) => binary("add", sum, term));
}
