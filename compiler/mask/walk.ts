import type { BoolExpr, HostExpr, IntExpr } from "./ir.js";

/** Any node of a mask expression; the kinds of integer and boolean nodes are disjoint. */
export type MaskNode = IntExpr | BoolExpr;

/** The nodes directly below, in reading order. */
export function children(node: MaskNode): readonly MaskNode[] {
  switch (node.kind) {
    case "int":
    case "var":
    case "param":
    case "scalar":
    case "bool":
      return [];
    case "neg":
    case "abs":
    case "not":
    case "pow2":
      return [node.a];
    case "and":
    case "or":
      return node.items;
    case "select":
    case "choose":
      return [node.cond, node.a, node.b];
    case "load":
      return [node.index];
    case "bit":
      return [node.row, node.col];
    default:
      return [node.a, node.b];
  }
}

/** Calls `see` for the node and everything below it, parents first. */
export function walk(node: MaskNode, see: (node: MaskNode) => void): void {
  see(node);
  for (const child of children(node)) walk(child, see);
}

/** True when `test` holds for the node or for one below it. */
export function some(node: MaskNode, test: (node: MaskNode) => boolean): boolean {
  return test(node) || children(node).some((child) => some(child, test));
}

/** The nodes directly below a host expression. */
export function hostChildren(node: HostExpr): readonly HostExpr[] {
  switch (node.kind) {
    case "number":
    case "var":
    case "param":
      return [];
    case "table":
      return [node.row, node.column];
    case "neg":
    case "abs":
    case "not":
    case "log":
    case "exp":
    case "tanh":
    case "floor":
    case "ceil":
      return [node.a];
    case "select":
      return [node.cond, node.a, node.b];
    default:
      return [node.a, node.b];
  }
}

export function walkHost(node: HostExpr, see: (node: HostExpr) => void): void {
  see(node);
  for (const child of hostChildren(node)) walkHost(child, see);
}

/** The node with `int` and `bool` applied to the nodes directly below it. */
export function mapChildren(expr: BoolExpr, int: (e: IntExpr) => IntExpr, bool: (e: BoolExpr) => BoolExpr): BoolExpr;
export function mapChildren(expr: IntExpr, int: (e: IntExpr) => IntExpr, bool: (e: BoolExpr) => BoolExpr): IntExpr;
export function mapChildren(expr: MaskNode, int: (e: IntExpr) => IntExpr, bool: (e: BoolExpr) => BoolExpr): MaskNode {
  switch (expr.kind) {
    case "int":
    case "var":
    case "param":
    case "scalar":
    case "bool":
      return expr;
    case "neg":
    case "abs":
    case "pow2":
      return { ...expr, a: int(expr.a) };
    case "not":
      return { ...expr, a: bool(expr.a) };
    case "and":
    case "or":
      return { ...expr, items: expr.items.map(bool) };
    case "choose":
      return { ...expr, cond: bool(expr.cond), a: bool(expr.a), b: bool(expr.b) };
    case "select":
      return { ...expr, cond: bool(expr.cond), a: int(expr.a), b: int(expr.b) };
    case "load":
      return { ...expr, index: int(expr.index) };
    case "bit":
      return { ...expr, row: int(expr.row), col: int(expr.col) };
    default:
      return { ...expr, a: int(expr.a), b: int(expr.b) };
  }
}

/** The expression with each leaf `var`, `param`, `scalar` or `int` replaced by what `change` makes of it. */
export function mapLeaves(expr: BoolExpr, change: (leaf: IntExpr) => IntExpr): BoolExpr;
export function mapLeaves(expr: IntExpr, change: (leaf: IntExpr) => IntExpr): IntExpr;
export function mapLeaves(expr: MaskNode, change: (leaf: IntExpr) => IntExpr): MaskNode;
export function mapLeaves(expr: MaskNode, change: (leaf: IntExpr) => IntExpr): MaskNode {
  const bool = (e: BoolExpr): BoolExpr => mapLeaves(e, change);
  const int = (e: IntExpr): IntExpr => mapLeaves(e, change);
  switch (expr.kind) {
    case "int":
    case "var":
    case "param":
    case "scalar":
      return change(expr);
    default:
      return mapChildren(expr as BoolExpr, int, bool);
  }
}

/** The host expression with its table indices renumbered. */
export function mapTables(expr: HostExpr, change: (table: number) => number): HostExpr {
  return mapHost(expr, (node) => (node.kind === "table" ? { ...node, table: change(node.table) } : node));
}

/** The host expression with each node replaced by what `change` makes of it, from the leaves up. */
export function mapHost(expr: HostExpr, change: (node: HostExpr) => HostExpr): HostExpr {
  return change(mapHostChildren(expr, (child) => mapHost(child, change)));
}

function mapHostChildren(expr: HostExpr, map: (child: HostExpr) => HostExpr): HostExpr {
  switch (expr.kind) {
    case "number":
    case "var":
    case "param":
      return expr;
    case "table":
      return { kind: "table", table: expr.table, row: map(expr.row), column: map(expr.column) };
    case "neg":
    case "abs":
    case "not":
    case "log":
    case "exp":
    case "tanh":
    case "floor":
    case "ceil":
      return { kind: expr.kind, a: map(expr.a) };
    case "select":
      return { kind: "select", cond: map(expr.cond), a: map(expr.a), b: map(expr.b) };
    default:
      return { kind: expr.kind, a: map(expr.a), b: map(expr.b) };
  }
}

/** A text that is equal for two nodes exactly when they are the same expression. Written once for a node. */
export function keyOf(node: MaskNode | HostExpr): string {
  let key = keys.get(node);
  if (key === undefined) keys.set(node, (key = `{${Object.entries(node).map(fieldKey).join()}}`));
  return key;
}

const keys = new WeakMap<MaskNode | HostExpr, string>();

type Field = string | number | boolean | undefined | MaskNode | HostExpr | readonly MaskNode[];

function fieldKey([name, value]: readonly [string, Field]): string {
  if (value === undefined) return "";
  if (typeof value === "string") return `${name}:${JSON.stringify(value)}`;
  if (typeof value !== "object") return `${name}:${String(value)}`;
  return `${name}:${isList(value) ? `[${value.map(keyOf).join()}]` : keyOf(value)}`;
}

const isList = (value: object): value is readonly MaskNode[] => Array.isArray(value);
