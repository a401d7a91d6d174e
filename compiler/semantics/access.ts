import type { IndexExpr, MemberExpr } from "../syntax/ast.js";
import { report, type Context } from "./context.js";
import { checkExpr, errorAt, expectInt, hint } from "./expressions.js";
import type { AxisModel } from "./model.js";
import { leastSelected, selectedLevel } from "./selected.js";
import { Depends, type Typed } from "./typed.js";
import * as T from "./types.js";

/** `q.y`: the coordinate of a position on an axis of the grid. */
export function checkMember(expr: MemberExpr, context: Context): Typed {
  const symbol = expr.object.kind === "name" ? context.scope.find(expr.object.name) : undefined;
  if (symbol?.kind === "select" && expr.name.name === "min" && expr.args === undefined) return leastSelected(symbol, expr, context);
  if (symbol?.kind === "select" && expr.name.name === "level" && expr.args !== undefined) return selectedLevel(symbol, expr, context);
  const position = checkExpr(expr.object, context);
  if (position.type.kind === "error") return errorAt(expr.span);
  const isPosition = position.type.kind === "int" && (position.type.unit === "query position" || position.type.unit === "key position");
  if (!isPosition || expr.args !== undefined) {
    report(context, "ATTN2111", expr.span, { name: expr.name.name });
    return errorAt(expr.span);
  }
  const axis = findAxis(expr.name, context);
  if (axis === undefined) return errorAt(expr.span);
  return { kind: "coordinate", of: position, axis, type: T.integer("coordinate"), depends: position.depends, span: expr.span };
}

/** The axis of a name; reports when there is none. */
export function findAxis(name: { readonly name: string; readonly span: Typed["span"] }, context: Context): AxisModel | undefined {
  const symbol = context.scope.find(name.name);
  if (symbol?.kind === "axis") return symbol.axis;
  if (symbol?.kind === "error") return undefined;
  const axes = context.space?.axes.map((axis) => axis.name) ?? [];
  const have = axes.length > 0 ? `the axes are ${axes.join(", ")}` : "only an attention with `space grid(…)` has axes";
  report(context, "ATTN2117", name.span, { name: name.name, have }, hint(name.name, axes));
  return undefined;
}

/** `doc[q]`, `map[q, k]`, `alpha[layer, kvh]` */
export function checkIndex(expr: IndexExpr, context: Context): Typed {
  const indices = expr.indices.map((index) => expectInt(checkExpr(index, context), context, "an index"));
  const symbol = expr.object.kind === "name" ? context.scope.find(expr.object.name) : undefined;
  if (symbol?.kind === "error") return errorAt(expr.span);
  if (symbol?.kind !== "input" && symbol?.kind !== "table") {
    if (symbol !== undefined || checkExpr(expr.object, context).type.kind !== "error") {
      report(context, "ATTN2118", expr.object.span, {});
    }
    return errorAt(expr.span);
  }
  if (indices.some((index) => index.type.kind === "error")) return errorAt(expr.span);
  if (symbol.kind === "input") {
    const { input } = symbol;
    if (input.kind === "ids") {
      if (!rank(expr, input.name, 1, context) || !positions(indices, input.name, context)) return errorAt(expr.span);
      return { kind: "load", input, index: indices[0]!, type: T.integer("id"), depends: Depends.pair, span: expr.span };
    }
    if (input.kind === "order") {
      report(context, "ATTN2343", expr.span, { name: input.name });
      return errorAt(expr.span);
    }
    if (input.kind !== "bits") {
      report(context, "ATTN2119", expr.span, { name: input.name, kind: input.kind });
      return errorAt(expr.span);
    }
    if (!rank(expr, input.name, 2, context) || !positions(indices, input.name, context)) return errorAt(expr.span);
    const at = { row: indices[0]!, column: indices[1]! };
    return { kind: "bit", input, at, type: T.bool, depends: Depends.pair, span: expr.span };
  }
  const { table } = symbol;
  if (table.patterns !== undefined) {
    report(context, "ATTN2110", expr.span, { name: table.name, what: "a table of patterns", instead: "use it as `assign NAME { … }`" });
    return errorAt(expr.span);
  }
  if (!rank(expr, table.name, 2, context)) return errorAt(expr.span);
  const [row, column] = [indices[0]!, indices[1]!];
  for (const [index, what, units] of [
    [row, "the layer", ["layer", "number"]],
    [column, "the head", ["query head", "kv head", "number"]],
  ] as const) {
    if (index.type.kind === "int" && !(units as readonly string[]).includes(index.type.unit)) {
      report(context, "ATTN2103", index.span, { left: what, right: T.describe(index.type) });
      return errorAt(expr.span);
    }
  }
  if ([row, column].some((index) => (index.depends & (Depends.pair | Depends.batch)) !== 0)) {
    report(context, "ATTN2104", expr.span, {});
    return errorAt(expr.span);
  }
  return { kind: "cell", table, row, column, type: T.float, depends: row.depends | column.depends | Depends.launch, span: expr.span };
}

function rank(expr: IndexExpr, name: string, expected: number, context: Context): boolean {
  if (expr.indices.length === expected) return true;
  report(context, "ATTN2109", expr.span, {
    name,
    expected: expected === 1 ? "one index" : `${expected} indices`,
    found: expr.indices.length,
  });
  return false;
}

function positions(indices: readonly Typed[], name: string, context: Context): boolean {
  const wrong = indices.find((index) => index.type.kind === "int" && index.type.unit !== "number" && !T.isPositional(index.type.unit));
  if (wrong === undefined) return true;
  report(context, "ATTN2108", wrong.span, { where: `an index of \`${name}\``, expected: "a position", found: T.describe(wrong.type) });
  return false;
}
