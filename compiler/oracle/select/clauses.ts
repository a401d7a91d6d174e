import type { BlockClause, CallExpr, Clause, Expr, KeepClause } from "../../syntax/ast.js";
import { evaluate, matchArgs } from "../expressions.js";
import { idAt } from "../inputs.js";
import { OracleError } from "../program.js";
import type { Place } from "../scope.js";
import { fixed } from "../values.js";
import { clustersKey } from "./clusters.js";
import type { ClusterText, UnitSizes } from "./scene.js";

/** How many units are kept, as it is written. */
export interface KeepText {
  /** Of `levels`: the number of this one. */
  readonly level?: number | undefined;
  readonly rule: "top" | "top_p" | "threshold" | "fraction";
  readonly amount: Expr;
  readonly least?: Expr | undefined;
  readonly most?: Expr | undefined;
  /** Forced units are kept besides. */
  readonly onTop: boolean;
  readonly scope: "row" | "head";
}

/** The clauses of a `select`, taken apart. */
export interface SelectText {
  readonly name: string;
  readonly units: UnitSizes;
  readonly score: Expr;
  readonly group?: { readonly how: "sum" | "mean" | "max"; readonly over: "kvh" | "h" } | undefined;
  readonly keep: KeepText;
  /** What some pair of a candidate satisfies. */
  readonly among?: Expr | undefined;
  /** The terms that are joined. */
  readonly force: readonly Expr[];
  readonly snap?: number | undefined;
  /** Axes of the clusters that the layout orders tokens by: its matrix has these and no tokens. */
  readonly numbered: readonly ("q" | "k")[];
}

/** A selection, or one for each of its levels. */
export function readSelects(clause: BlockClause, place: Place): readonly SelectText[] {
  const levels = levelsOf(clause);
  return levels.length === 0 ? [readSelect(clause, place)] : levels.map((level) => readSelect(clause, place, level));
}

/** @param level which one of those that it has. */
function readSelect(clause: BlockClause, place: Place, level?: number): SelectText {
  const find = <K extends Clause["kind"]>(kind: K): Extract<Clause, { kind: K }> | undefined =>
    clause.body.clauses.find((each): each is Extract<Clause, { kind: K }> => each.kind === kind);
  const [unit, score, keep, group] = [find("unit"), find("score"), find("keep"), find("group")];
  const name = level === undefined ? clause.name.name : `${clause.name.name}_${level}`;
  if (unit === undefined || score === undefined || keep === undefined) throw new OracleError(`${name} lacks a clause`);
  const snap = find("snap");
  const units: UnitSizes = {
    ...Object.fromEntries(unit.units.map(({ axis, value }) => [axis.name, sizeOf(value, place)])),
    tiles: unit.units.flatMap(({ axis, value }) => (isTile(value) ? [axis.name as "q" | "k"] : [])),
    clusters: Object.fromEntries(
      unit.units.flatMap(({ axis, value }) => (value.kind === "call" && isCluster(value) ? [[axis.name, clusterOf(value, place)]] : [])),
    ),
  };
  return {
    name,
    units,
    score: score.value,
    group: group && { how: group.how.name as "sum", over: group.over.name === "kvh" ? "kvh" : "h" },
    keep: readKeep(keep, level),
    among: find("among")?.value,
    force: terms(find("force")?.value),
    snap: snap && sizeOf(snap.value, place),
    numbered: find("reuse") === undefined ? numberedAxes(units, place) : [],
  };
}

const numberedAxes = ({ clusters = {} }: UnitSizes, { orders }: Place): readonly ("q" | "k")[] =>
  (["q", "k"] as const).filter((axis) => {
    const text = clusters[axis];
    return text !== undefined && orders?.clusters?.[axis] === clustersKey(axis, text);
  });

/** `tile(n)` */
export const isTile = (expr: Expr): boolean => expr.kind === "call" && expr.callee.name === "tile";

const isCluster = (expr: CallExpr): boolean => expr.callee.name === "cluster";

export function clusterOf(expr: CallExpr, place: Place): ClusterText {
  const args = matchArgs(expr.args, ["n", "iters", "ids", "from"]);
  const count = fixed(evaluate(args.get("n")!, place));
  const [ids, from] = ["ids", "from"].map((name) => inputNamed(args.get(name), place));
  if (ids === undefined) return { count, updates: fixed(evaluate(args.get("iters")!, place)), from };
  const { name, input } = ids;
  return { count, updates: 0, input: name, ids: (point, position) => idAt(input.value, point, position) };
}

function inputNamed(expr: Expr | undefined, place: Place): ClusterText["from"] {
  if (expr === undefined) return undefined;
  const input = expr.kind === "name" ? place.names.get(expr.name) : undefined;
  if (expr.kind !== "name" || input?.kind !== "input") throw new OracleError("clusters are read from inputs");
  return { name: expr.name, input };
}

/** `token` is 1, and so is a token of a cluster; `block(n)`, `page(n)` and `tile(n)` are n. */
export function sizeOf(expr: Expr, place: Place): number {
  return expr.kind === "call" && !isCluster(expr) ? fixed(evaluate(matchArgs(expr.args, ["n"]).get("n")!, place)) : 1;
}

function readKeep(clause: KeepClause, level: number | undefined): KeepText {
  const { call, onTop } = ruleOf(clause);
  const rule = level === undefined ? call : call.args.find(({ label }) => Number(label?.text) === level)?.value;
  if (rule?.kind !== "call" || rule.args[0] === undefined) throw new OracleError("keep takes a rule with an amount");
  const scope = clause.over?.name === "head" ? "head" : "row";
  return {
    level,
    rule: rule.callee.name as KeepText["rule"],
    amount: rule.args[0].value,
    least: clause.min,
    most: clause.max,
    onTop,
    scope,
  };
}

/** The numbers of `levels(1: …, 2: …)`; none of another rule. */
function levelsOf(clause: BlockClause): readonly number[] {
  const keep = clause.body.clauses.find((each) => each.kind === "keep");
  const rule = keep && ruleOf(keep).call;
  return rule?.callee.name === "levels" ? rule.args.map(({ label }) => Number(label!.text)) : [];
}

/** Without `+ forced`. */
function ruleOf({ value }: KeepClause): { readonly call: CallExpr; readonly onTop: boolean } {
  const onTop = value.kind === "binary" && value.right.kind === "name" && value.right.name === "forced";
  return { call: (onTop ? value.left : value) as CallExpr, onTop };
}

/** What `+` or `|` joins. */
function terms(expr: Expr | undefined): readonly Expr[] {
  if (expr === undefined) return [];
  const joins = expr.kind === "binary" && (expr.op === "+" || expr.op === "|");
  return joins ? [...terms(expr.left), ...terms(expr.right)] : [expr];
}
