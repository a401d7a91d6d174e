import { checkClusters } from "./clusters.js";
import type { CallExpr, CallNode, Expr, LayoutClause } from "../../syntax/ast.js";
import { matchArguments } from "../arguments.js";
import { report, type Context } from "../context.js";
import { checkConstantInt, checkExpr, hint } from "../expressions.js";
import type { Curve, LayoutModel, OrderModel, SpaceModel } from "../model.js";
import { checkTensor } from "../tensors/check.js";
import { describeShape } from "../tensors/shape.js";

/** What layouts are called; this version compiles the first four. */
const layouts = ["tiles", "curve", "residues", "permute", "paged", "kv", "shared_prefix"] as const;
const curves: readonly Curve[] = ["morton", "hilbert", "gilbert"];

/** The order of the tokens that a `layout` clause asks for; undefined when there is none that can be used. */
export function checkLayout(clause: LayoutClause, context: Context): LayoutModel | undefined {
  let layout: LayoutModel | undefined;
  for (const item of clause.items) {
    const { name, span } = item.callee;
    if (name !== "tiles" && name !== "curve" && name !== "residues" && name !== "permute") {
      if (layouts.some((known) => known === name)) report(context, "ATTN2201", item.span, { what: `\`layout ${name}\`` });
      else report(context, "ATTN2224", span, { name }, hint(name, layouts));
      continue;
    }
    if (layout !== undefined) {
      const labels = [{ span: layout.span, text: "the first one" }];
      report(context, "ATTN2202", item.span, { what: "an order of the tokens" }, { labels });
      continue;
    }
    const check = { tiles: checkTiles, curve: checkCurve, residues: checkResidues, permute: checkPermute }[name];
    layout = check(item, context);
  }
  return layout;
}

/** `tiles(2, 8, 8)`: a size for each axis of the grid, in order or by the name of the axis. */
function checkTiles(item: CallNode, context: Context): LayoutModel | undefined {
  const { space } = context;
  // A space with an error has been reported.
  if (space === undefined || !hasFixedGrid(item, space, context)) return undefined;
  const parameters = space.axes.map(({ name }) => ({ name, required: true }));
  const matched = matchArguments(item, parameters, context);
  if (matched === undefined) return undefined;
  const sizes = space.axes.map(({ name }) => checkConstantInt(matched.get(name)!, context, `the size of a tile on axis \`${name}\``));
  return { kind: "tiles", sizes, span: item.span };
}

/** `curve(morton)` */
function checkCurve(item: CallNode, context: Context): LayoutModel | undefined {
  const { space } = context;
  if (space === undefined || !hasFixedGrid(item, space, context)) return undefined;
  const [arg] = item.args;
  const name = item.args.length === 1 && arg!.label === undefined && arg!.value.kind === "name" ? arg!.value.name : undefined;
  const known = curves.find((curve) => curve === name);
  if (known !== undefined) return { kind: "curve", curve: known, span: item.span };
  report(context, "ATTN2227", item.span, { curves: curves.join(", ") }, name === undefined ? {} : hint(name, curves));
  return undefined;
}

/** `residues(4)` */
function checkResidues(item: CallNode, context: Context): LayoutModel | undefined {
  const { space } = context;
  if (space === undefined) return undefined;
  const is = notOneSequence(space);
  if (is !== undefined) {
    report(context, "ATTN2228", item.span, { is }, { labels: [{ span: space.span, text: "the space" }] });
    return undefined;
  }
  const matched = matchArguments(item, [{ name: "modulus", required: true }], context);
  if (matched === undefined) return undefined;
  return { kind: "residues", modulus: checkConstantInt(matched.get("modulus")!, context, "the number of residues"), span: item.span };
}

/** `permute(q: ORDER, k: ORDER)`: of one alone by its label, of both also in that order. */
function checkPermute(item: CallNode, context: Context): LayoutModel | undefined {
  const parameters = [
    { name: "q", required: false },
    { name: "k", required: false },
  ];
  const matched = matchArguments(item, parameters, context);
  if (matched === undefined) return undefined;
  const [only] = item.args;
  if (item.args.length === 0 || (item.args.length === 1 && only!.label === undefined)) {
    const found = only === undefined ? "there is none" : "an order alone does not say whose it is";
    report(context, "ATTN2342", item.span, { found });
    return undefined;
  }
  const [q, k] = (["q", "k"] as const).map((axis) => matched.has(axis) && checkOrder(matched.get(axis)!, axis, context));
  if (q === undefined || k === undefined) return undefined;
  return { kind: "permute", ...(q ? { q } : {}), ...(k ? { k } : {}), span: item.span };
}

/** The order of queries or keys that an argument of `permute` names; reports what is none. */
function checkOrder(expr: Expr, axis: "q" | "k", context: Context): OrderModel | undefined {
  if (expr.kind === "error") return undefined;
  if (expr.kind === "call" && expr.callee.name === "sort") return checkSort(expr, axis, context);
  if (expr.kind === "call" && expr.callee.name === "cluster") {
    const clusters = checkClusters(expr, axis, context)?.clusters;
    return clusters && { kind: "clusters", clusters };
  }
  if (expr.kind === "call") {
    const { name, span } = expr.callee;
    report(context, "ATTN2342", span, { found: `\`${name}(…)\` makes none` }, hint(name, ["sort", "cluster"]));
    return undefined;
  }
  const symbol = expr.kind === "name" ? context.scope.find(expr.name) : undefined;
  if (symbol?.kind === "error") return undefined;
  if (expr.kind !== "name" || symbol === undefined) {
    // What is no name, or is not declared, is said as of any expression.
    const error = expr.kind === "name" && checkExpr(expr, context).type.kind === "error";
    if (!error) report(context, "ATTN2342", expr.span, { found: "this is no input of kind `order`" });
    return undefined;
  }
  if (symbol.kind !== "input" || symbol.input.kind !== "order") {
    const found =
      symbol.kind === "input" ? `\`${expr.name}\` is an input of kind \`${symbol.input.kind}\`` : `\`${expr.name}\` is no input`;
    report(context, "ATTN2342", expr.span, { found });
    return undefined;
  }
  const { input } = symbol;
  if (context.space?.kind === "cross" && input.axis !== axis) {
    report(context, "ATTN2342", expr.span, { found: `\`${expr.name}\` is an order of ${input.axis === "q" ? "queries" : "keys"}` });
    return undefined;
  }
  return { kind: "input", input };
}

/** `sort(SCORE, segment: n)`: of keys, by one number for each. */
function checkSort(expr: CallExpr, axis: "q" | "k", context: Context): OrderModel | undefined {
  const parameters = ["score", "segment"].map((name) => ({ name, required: true }));
  const matched = matchArguments(expr, parameters, context);
  if (matched === undefined) return undefined;
  const score = checkTensor(matched.get("score")!, { context });
  const segment = checkConstantInt(matched.get("segment")!, context, "`segment` of `sort`");
  if (score.kind === "error" || segment.type.kind === "error") return undefined;
  const { rows, columns, dim, bool } = score.shape;
  const isScore = !rows && !dim && !bool && (columns === undefined || columns === "keys");
  if (axis === "k" && isScore) return { kind: "sort", score, segment };
  const found = axis === "q" ? "these are the queries" : `this is ${describeShape(score.shape)}`;
  report(context, "ATTN2345", expr.span, { found });
  return undefined;
}

/** What keeps the positions of a space from being those of one sequence. */
function notOneSequence({ kind, axes, segments }: SpaceModel): string | undefined {
  if (kind === "cross") return "has two";
  if (segments.length > 0) return "has segments";
  if (axes.length > 1) return `is a grid of ${axes.length} axes`;
  return axes.some((axis) => axis.extent === "runtime") ? "is a grid whose extent is given at run time" : undefined;
}

function hasFixedGrid(item: CallNode, space: SpaceModel, context: Context): boolean {
  const { name } = item.callee;
  if (space.axes.length === 0) {
    report(context, "ATTN2225", item.span, { name }, { labels: [{ span: space.span, text: "the space" }] });
    return false;
  }
  const open = space.axes.find((axis) => axis.extent === "runtime");
  if (open === undefined) return true;
  report(context, "ATTN2226", item.span, { name, axis: open.name }, { labels: [{ span: open.span, text: "the axis" }] });
  return false;
}
