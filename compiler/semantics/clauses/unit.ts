import type { Expr, SnapClause, UnitClause } from "../../syntax/ast.js";
import { matchArguments } from "../arguments.js";
import { checkClusters } from "./clusters.js";
import { report, type Context } from "../context.js";
import { checkConstantInt, hint } from "../expressions.js";
import type { SelectUnits, UnitModel } from "../tensors/model.js";
import type { Typed } from "../typed.js";

type Axis = "q" | "k" | "diag";

const forms: Readonly<Record<Axis, readonly string[]>> = {
  q: ["token", "block", "tile", "cluster"],
  k: ["token", "block", "page", "tile", "cluster"],
  diag: ["token", "block"],
};

/** Forms of units that take another number than that of their tokens. */
const asWritten: Readonly<Partial<Record<string, string>>> = { token: "token", cluster: "cluster(n, iters: t)" };

/** What a selection counts in; undefined where something is wrong, which has been reported. */
export function checkUnits(clause: UnitClause, context: Context): SelectUnits | undefined {
  const units: { -readonly [A in Axis]?: UnitModel } = {};
  let failed = false;
  for (const { axis, value } of clause.units) {
    const name = axis.name as Axis;
    const first = units[name];
    if (first !== undefined) {
      const labels = [{ span: first.span, text: "the first one" }];
      report(context, "ATTN2202", axis.span, { what: `a unit of \`${name}\`` }, { labels });
      failed = true;
      continue;
    }
    const unit = checkUnit(name, value, context);
    if (unit === undefined) failed = true;
    else units[name] = unit;
  }
  if (failed) return undefined;
  const problem = combination(units);
  if (problem !== undefined) {
    report(context, "ATTN2316", clause.span, { problem });
    return undefined;
  }
  const inPositions = [units.q, units.k].find((unit) => unit?.size !== undefined && unit.tile === undefined);
  if (inPositions === undefined || (units.q?.tile ?? units.k?.tile) === undefined) return units;
  report(context, "ATTN2340", inPositions.span, {});
  return undefined;
}

function combination(units: SelectUnits): string | undefined {
  if (units.k === undefined && units.diag === undefined) return "add `k: …` or `diag: …`";
  if (units.diag === undefined) return undefined;
  if (units.k !== undefined) return "`k` and `diag` are two selections";
  return units.q === undefined ? undefined : "distances are selected for all queries of a call, without `q: …`";
}

/** `token`, `block(64)`, `page(64)`, `tile(64)` */
function checkUnit(axis: Axis, expr: Expr, context: Context): UnitModel | undefined {
  const allowed = forms[axis];
  const { span } = expr;
  if (expr.kind === "error") return undefined;
  if (expr.kind === "name" && expr.name === "token") return { span };
  if (expr.kind !== "call" || expr.callee.name === "token" || !allowed.includes(expr.callee.name)) {
    const written = allowed.map((form) => `\`${asWritten[form] ?? `${form}(n)`}\``);
    report(
      context,
      "ATTN2315",
      span,
      { axis, forms: `${written.slice(0, -1).join(", ")} or ${written.at(-1)!}` },
      misspelledForm(expr, allowed),
    );
    return undefined;
  }
  if (expr.callee.name === "cluster") return checkClusters(expr, axis as "q" | "k", context);
  const matched = matchArguments(expr, [{ name: "n", required: true }], context);
  const size = matched && checkConstantInt(matched.get("n")!, context, `the size of a ${expr.callee.name}`);
  if (size === undefined || size.type.kind === "error") return undefined;
  return { size, ...(expr.callee.name === "tile" ? { tile: true } : {}), span };
}

function misspelledForm(expr: Expr, forms: readonly string[]): { readonly hint?: string } {
  const name = expr.kind === "name" ? expr.name : expr.kind === "call" ? expr.callee.name : undefined;
  return name === undefined ? {} : hint(name, forms);
}

/** `snap block(64)`: the size. */
export function checkSnap(clause: SnapClause, units: SelectUnits, context: Context): Typed | undefined {
  const { value } = clause;
  if ((units.q?.tile ?? units.k?.tile) !== undefined) {
    report(context, "ATTN2341", clause.value.span, { what: "`snap`" });
    return undefined;
  }
  if (value.kind !== "call" || value.callee.name !== "block") {
    report(context, "ATTN2334", value.span, {}, misspelledForm(value, ["block"]));
    return undefined;
  }
  const matched = matchArguments(value, [{ name: "n", required: true }], context);
  const size = matched && checkConstantInt(matched.get("n")!, context, "the size of a block");
  return size?.type.kind === "error" ? undefined : size;
}
