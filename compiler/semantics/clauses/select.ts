import type { Span } from "../../source/file.js";
import type { BlockClause, Clause, GroupClause, ScoreClause } from "../../syntax/ast.js";
import { report, type Context } from "../context.js";
import { declareName } from "../declare-name.js";
import { hint } from "../expressions.js";
import { checkTensor, reportShape } from "../tensors/check.js";
import type { SelectModel, SelectUnits, TensorTyped } from "../tensors/model.js";
import { checkAmong } from "./among.js";
import { checkForce } from "./force.js";
import { checkKeep } from "./keep.js";
import { checkReuse } from "./reuse.js";
import { checkSnap, checkUnits } from "./unit.js";

/** Clauses of a selection; all but `score` stand nowhere else. */
const own: ReadonlySet<Clause["kind"]> = new Set<Clause["kind"]>([
  "unit",
  "score",
  "group",
  "keep",
  "among",
  "force",
  "snap",
  "at",
  "reuse",
]);

/** Clauses that stand in a `select` only. */
export function belongsInSelect(kind: Clause["kind"]): boolean {
  return own.has(kind) && kind !== "score";
}

type Clauses = { readonly [K in Clause["kind"]]?: Extract<Clause, { readonly kind: K }> };

/** `select NAME { … }`, declared as a name. */
export function checkSelect(clause: BlockClause, context: Context): void {
  const { name, span } = clause.name;
  const selects = readSelect(clause, context);
  declareName(clause.name, selects === undefined ? { kind: "error", span } : { kind: "select", name, selects, span }, context);
}

/** One selection, or one for each of its levels. */
function readSelect(clause: BlockClause, context: Context): readonly SelectModel[] | undefined {
  const { name, span } = clause.name;
  const clauses = single(clause, context);
  if (clauses === undefined) return undefined;
  for (const kind of ["unit", "score", "keep"] as const) {
    if (clauses[kind] === undefined) report(context, "ATTN2313", span, { name, clause: kind });
  }
  const units = clauses.unit && checkUnits(clauses.unit, context);
  const score = clauses.score && units && checkScore(clauses.score, units, context);
  const fits = units === undefined || checkClusters(units, clauses, context);
  const group = clauses.group && checkGroup(clauses.group, context);
  const keeps = clauses.keep && checkKeep(clauses.keep, context);
  const among = clauses.among && checkAmong(clauses.among, name, context);
  const force = clauses.force && units && checkForce(clauses.force, { name, units }, context);
  const snap = clauses.snap && units && checkSnap(clauses.snap, units, context);
  const reuse = checkReuse(clauses.at, clauses.reuse, { units: units ?? {}, keeps, snap: clauses.snap }, context);
  const failed =
    !fits ||
    (clauses.group !== undefined && group === undefined) ||
    (clauses.among !== undefined && among === undefined) ||
    (clauses.force !== undefined && force === undefined) ||
    (clauses.snap !== undefined && snap === undefined) ||
    reuse === "failed";
  if (failed || units === undefined || score === undefined || keeps === undefined) return undefined;
  return keeps.map((keep) => {
    const own = keep.level === undefined ? name : `${name}_${keep.level}`;
    return { name: own, units, score, group, keep, among, force, snap, reuse, span };
  });
}

/** The clauses by kind; undefined where one stands twice or does not belong. */
function single(clause: BlockClause, context: Context): Clauses | undefined {
  const found = new Map<Clause["kind"], Clause>();
  let failed = false;
  for (const each of clause.body.clauses) {
    const first = found.get(each.kind);
    if (!own.has(each.kind)) report(context, "ATTN2314", each.span, { clause: each.kind, belongs: "does not stand in a `select`" });
    else if (first !== undefined) {
      const labels = [{ span: first.span, text: "the first one" }];
      report(context, "ATTN2202", each.span, { what: `a \`${each.kind}\` clause` }, { labels });
    } else {
      found.set(each.kind, each);
      continue;
    }
    failed = true;
  }
  return failed ? undefined : (Object.fromEntries(found) as Clauses);
}

/** A number for each unit; numbers for parts of units are added up when the sizes are known. */
function checkScore(clause: ScoreClause, units: SelectUnits, context: Context): TensorTyped | undefined {
  const score = checkTensor(clause.value, { context, units });
  if (score.kind === "error") return undefined;
  const { dim, bool, columns } = score.shape;
  const wanted = units.diag === undefined ? "keys" : "offsets";
  if (!dim && !bool && (columns === undefined || columns === wanted)) return score;
  const expected = wanted === "keys" ? "one number for each unit of keys" : "one number for each unit of distances";
  reportShape("`score`", expected, score, context);
  return undefined;
}

/** Clusters are no runs of positions, and each head has its own where the caller does not say them. */
function checkClusters(units: SelectUnits, clauses: Clauses, context: Context): boolean {
  const [q, k] = [units.q?.clusters, units.k?.clusters].map((clusters) => clusters?.by.kind === "k-means");
  if (units.q?.clusters === undefined && units.k?.clusters === undefined) return true;
  const others = [clauses.among, clauses.force, clauses.snap].filter((clause) => clause !== undefined);
  for (const { kind, span } of others) report(context, "ATTN2366", span, { what: `\`${kind}\`` });
  const shared = clauses.group !== undefined && (q || (k && clauses.group.over.name !== "kvh"));
  if (shared) report(context, "ATTN2367", clauses.group!.span, { heads: q ? "query head" : "kv head" });
  return others.length === 0 && !shared;
}

function checkGroup(clause: GroupClause, context: Context): SelectModel["group"] {
  const ops = ["sum", "max", "mean"] as const;
  const op = ops.find((each) => each === clause.how.name);
  const over = { kvh: "kv", h: "one", heads: "one" }[clause.over.name] as "kv" | "one" | undefined;
  if (op === undefined || over === undefined) {
    const span: Span = op === undefined ? clause.how.span : clause.over.span;
    const [written, known] = op === undefined ? [clause.how.name, ops] : [clause.over.name, ["kvh", "h"]];
    report(context, "ATTN2320", span, {}, hint(written, known));
    return undefined;
  }
  return { op, over, span: clause.span };
}
