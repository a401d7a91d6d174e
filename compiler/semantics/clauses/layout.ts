import type { CallNode, LayoutClause } from "../../syntax/ast.js";
import { matchArguments } from "../arguments.js";
import { report, type Context } from "../context.js";
import { checkConstantInt, hint } from "../expressions.js";
import type { Curve, LayoutModel, SpaceModel } from "../model.js";

/** What layouts are called; this version compiles the first three. */
const layouts = ["tiles", "curve", "residues", "permute", "paged", "kv", "shared_prefix"] as const;
const curves: readonly Curve[] = ["morton", "hilbert", "gilbert"];

/** The order of the tokens that a `layout` clause asks for; undefined when there is none that can be used. */
export function checkLayout(clause: LayoutClause, context: Context): LayoutModel | undefined {
  let layout: LayoutModel | undefined;
  for (const item of clause.items) {
    const { name, span } = item.callee;
    if (name !== "tiles" && name !== "curve" && name !== "residues") {
      if (layouts.some((known) => known === name)) report(context, "ATTN2201", item.span, { what: `\`layout ${name}\`` });
      else report(context, "ATTN2224", span, { name }, hint(name, layouts));
      continue;
    }
    if (layout !== undefined) {
      const labels = [{ span: layout.span, text: "the first one" }];
      report(context, "ATTN2202", item.span, { what: "an order of the tokens" }, { labels });
      continue;
    }
    const check = { tiles: checkTiles, curve: checkCurve, residues: checkResidues }[name];
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
