import type { CallExpr, Expr } from "../../syntax/ast.js";
import { matchArguments } from "../arguments.js";
import { report, type Context } from "../context.js";
import { checkConstantInt, hint } from "../expressions.js";
import { argumentsOf, checkTensor, errorTensor, reportShape, type TensorContext } from "./check.js";
import { elementwise } from "./elements.js";
import type { PoolOp, ReduceOp, TensorTyped } from "./model.js";
import { mentionsTensor } from "./names.js";
import type { Typed } from "../typed.js";
import { describeShape } from "./shape.js";

/**
 * `mean`, `sum`, `min`, `max`, `first` and `last`:
 * - `mean(p, over: q)` over an axis, which may put neighbouring keys together besides: `fold: 128`
 * - `mean(k, 64)`, `mean(k, 32, stride: 16)` over blocks; `max(p, 64, over: q)` of what has queries and keys
 * - `mean(q)` over the units of the selection, and over all queries or keys where it has none; of what has both, over both
 * - `max(a, b)` element by element
 */
export function checkReduction(op: PoolOp, expr: CallExpr, at: TensorContext): TensorTyped {
  if (isElementwise(op, expr, at)) return checkExtremes(op as "min" | "max", expr, at);
  const { context } = at;
  const matched = argumentsOf(expr, ["x"], ["size", "stride", "over", "fold", "weight"], context);
  if (matched === undefined) return errorTensor(expr.span);
  const a = checkTensor(matched.get("x")!, at);
  if (a.kind === "error") return a;
  if (a.shape.bool) return reportShape(`\`${op}\``, "numbers", a, context);
  const sized = (name: string): ReturnType<typeof checkConstantInt> | undefined => {
    const given = matched.get(name);
    return given && checkConstantInt(given, context, `the \`${name}\` of \`${op}\``);
  };
  const tile = tileSize(matched.get("size"), context);
  const [size, stride, fold] = [tile === undefined ? sized("size") : tile.size, sized("stride"), sized("fold")];
  if (tile !== undefined && tile.size === undefined) return errorTensor(expr.span);
  if ([size, stride, fold].some((each) => each?.type.kind === "error")) return errorTensor(expr.span);
  const over = matched.get("over");
  const made = (how: PoolOp, of: TensorTyped): TensorTyped => {
    if (of.kind === "error") return of;
    const along = over === undefined ? undefined : size === undefined ? undefined : axisOfBlocks(over);
    if (fold === undefined && (over === undefined || along !== undefined))
      return blocks(how, of, { size, stride, tile: tile !== undefined, along }, expr, at);
    if (over === undefined || size !== undefined || stride !== undefined || how === "first" || how === "last") {
      report(context, "ATTN2107", expr.span, { name: op, most: "a size of blocks, or `over` an axis" });
      return errorTensor(expr.span);
    }
    const reduced = reduce(how, of, over, expr, at, fold);
    if (reduced.kind === "error" || fold === undefined || reduced.kind === "diagonals") return reduced;
    if (reduced.shape.columns !== "keys") return reportShape("`fold`", "a tensor over keys", reduced, context);
    return { kind: "pool", op: how, over: "columns", a: reduced, unit: fold, shape: reduced.shape, span: expr.span };
  };
  const weight = matched.get("weight");
  return weight === undefined ? made(op, a) : weighted(op, a, weight, made, expr, at);
}

/** `mean(q, weight: w)`: the sum of all times their weights over the sum of the weights. */
function weighted(
  op: PoolOp,
  a: TensorTyped,
  weight: Expr,
  made: (how: PoolOp, of: TensorTyped) => TensorTyped,
  expr: CallExpr,
  at: TensorContext,
): TensorTyped {
  if (op !== "mean") {
    report(at.context, "ATTN2349", weight.span, { name: op });
    return errorTensor(expr.span);
  }
  const w = checkTensor(weight, at);
  if (w.kind === "error") return w;
  const where = "a mean with `weight`";
  const sum = made("sum", elementwise("mul", a, w, weight.span, where, at));
  // What is wrong with the sum has been said.
  return sum.kind === "error" ? sum : elementwise("div", sum, made("sum", w), expr.span, where, at);
}

/** `max(k, 16)` pools the keys; `max(a, b)` and `max(a, 0.5)` take the greater of two numbers. */
function isElementwise(op: PoolOp, expr: CallExpr, { context }: TensorContext): boolean {
  if ((op !== "min" && op !== "max") || expr.args.length < 2 || expr.args.some((arg) => arg.label !== undefined)) return false;
  const [first, second] = expr.args.map((arg) => arg.value) as [Expr, Expr];
  const ofView = (first.kind === "name" && (first.name === "q" || first.name === "k")) || first.kind === "member";
  return !ofView || mentionsTensor(second, context, true);
}

function checkExtremes(op: "min" | "max", expr: CallExpr, at: TensorContext): TensorTyped {
  const parts = expr.args.map((arg) => checkTensor(arg.value, at));
  return parts.reduce((a, b) => elementwise(op, a, b, expr.span, `\`${op}\``, at));
}

/** `tile(n)` in the place of a size: so many places of the layout. */
function tileSize(expr: Expr | undefined, context: Context): { readonly size: Typed | undefined } | undefined {
  if (expr?.kind !== "call" || expr.callee.name !== "tile") return undefined;
  const matched = matchArguments(expr, [{ name: "n", required: true }], context);
  const size = matched && checkConstantInt(matched.get("n")!, context, "the size of a tile");
  return { size: size?.type.kind === "error" ? undefined : size };
}

interface Sizes {
  readonly size: Typed | undefined;
  readonly stride: Typed | undefined;
  readonly tile: boolean;
  /** What the blocks are of, where that is written. */
  readonly along: "rows" | "columns" | undefined;
}

/** `over: q` and `over: k` beside a size. */
function axisOfBlocks(over: Expr): Sizes["along"] {
  return over.kind !== "name" ? undefined : over.name === "q" ? "rows" : over.name === "k" ? "columns" : undefined;
}

/** Over blocks of a size, the units of the selection, or everything. */
function blocks(op: PoolOp, a: TensorTyped, sizes: Sizes, expr: CallExpr, at: TensorContext): TensorTyped {
  const { context, units } = at;
  const { size, stride, tile, along } = sizes;
  const { columns } = a.shape;
  if (a.shape.rows && columns !== undefined && along === undefined) {
    if (size === undefined && stride === undefined && units?.q !== undefined && columns === "keys" && !isLast(a)) {
      const inRows = blocks(op, a, { ...sizes, along: "rows" }, expr, at);
      return inRows.kind === "error" ? inRows : blocks(op, inRows, { ...sizes, along: "columns" }, expr, at);
    }
    report(context, "ATTN2329", expr.span, { name: op, found: describeShape(a.shape) });
    return errorTensor(expr.span);
  }
  const rows = along === undefined ? a.shape.rows : along === "rows";
  if (rows ? !a.shape.rows : columns === undefined) {
    const expected = along === undefined ? "a tensor over queries or over keys" : rows ? "a tensor over queries" : "a tensor over keys";
    return reportShape(`\`${op}\``, expected, a, context);
  }
  const over = rows ? "rows" : "columns";
  if (stride !== undefined && (rows || columns !== "keys" || size === undefined)) {
    return reportShape("`stride`", "a tensor over keys, and a size before it", a, context);
  }
  const ofUnit = rows ? (isLast(a) ? undefined : units?.q) : columns === "keys" ? units?.k : units?.diag;
  if (stride !== undefined && tile) return reportShape("`stride`", "a size in keys before it", a, context);
  if ((tile || (size === undefined && ofUnit?.tile !== undefined)) && (op === "first" || op === "last")) {
    report(context, "ATTN2341", expr.span, { what: `\`${op}\`` });
    return errorTensor(expr.span);
  }
  if (size === undefined && ofUnit?.clusters !== undefined && (op === "first" || op === "last")) {
    report(context, "ATTN2366", expr.span, { what: `\`${op}\`` });
    return errorTensor(expr.span);
  }
  if (size !== undefined || ofUnit !== undefined) {
    return { kind: "pool", op, over, a, unit: size, stride, tile, shape: a.shape, span: expr.span };
  }
  if (op === "first" || op === "last") {
    report(context, "ATTN2332", expr.span, { name: op });
    return errorTensor(expr.span);
  }
  return { kind: "reduce", op, over, a, shape: { ...a.shape, ...(rows ? { rows: false } : { columns: undefined }) }, span: expr.span };
}

/** The last queries are no part of the units of a selection. */
function isLast(a: TensorTyped): boolean {
  switch (a.kind) {
    case "view":
      return a.last !== undefined;
    case "named":
      return isLast(a.named.value);
    case "unary":
    case "low bit":
    case "softmax":
    case "smooth":
    case "fold":
    case "pool":
    case "reduce":
      return isLast(a.a);
    case "binary":
    case "choose":
    case "dot":
      return isLast(a.a) || isLast(a.b);
    default:
      return false;
  }
}

function reduce(
  op: ReduceOp,
  a: TensorTyped,
  over: Expr,
  expr: CallExpr,
  at: TensorContext,
  fold: ReturnType<typeof checkConstantInt> | undefined,
): TensorTyped {
  const { context, units } = at;
  const { shape } = a;
  const { span } = expr;
  const axes = ["q", "k", "dim", "diag", "subpage"] as const;
  const name = over.kind === "name" ? over.name : "";
  const axis = axes.find((each) => each === name);
  const without = (expected: string): TensorTyped => reportShape(`\`over: ${name}\``, expected, a, context);
  switch (axis) {
    case "q":
      if (!shape.rows) return without("a tensor over queries");
      return { kind: "reduce", op, over: "rows", a, shape: { ...shape, rows: false }, span };
    case "k":
      if (shape.columns !== "keys") return without("a tensor over keys");
      return { kind: "reduce", op, over: "columns", a, shape: { ...shape, columns: undefined }, span };
    case "dim":
      if (!shape.dim) return without("a tensor of vectors");
      return { kind: "reduce", op, over: "dim", a, shape: { ...shape, dim: false }, span };
    case "diag":
      if (op !== "sum" && op !== "mean") {
        report(context, "ATTN2321", over.span, { allowed: "`diag` in `sum` and `mean` only" });
        return errorTensor(span);
      }
      if (!shape.rows || shape.columns !== "keys" || shape.dim) return without("one number for each query and key");
      return { kind: "diagonals", op, a, unit: fold, shape: { ...shape, rows: false, columns: "offsets" }, span };
    case "subpage":
      if (shape.columns !== "keys" || units?.k === undefined) return without("keys in blocks, in a selection of pages");
      return { kind: "pool", op, over: "columns", a, shape, span };
    case undefined:
      report(context, "ATTN2321", over.span, { allowed: "`q`, `k`, `dim`, `diag` or `subpage`" }, hint(name, axes));
      return errorTensor(span);
  }
}
