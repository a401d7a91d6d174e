import type { AttendClause, BlockClause, Identifier } from "../../syntax/ast.js";
import type { Span } from "../../source/file.js";
import { checkAttendCount } from "../checks/attend-count.js";
import { namesOf, unsupported } from "../checks/unsupported.js";
import { report, type Context } from "../context.js";
import { declareName } from "../declare-name.js";
import { checkBool, errorAt, hint } from "../expressions.js";
import type { AssignGroup, AttendModel, BranchModel, InputModel } from "../model.js";
import { describeSymbol, withArticle } from "../scope.js";
import { attendExpressions, typedChildren } from "../typed-walk.js";
import type { Typed } from "../typed.js";
import { checkAssign } from "./assign.js";

/** What an `attend` clause says: which pairs, and of which keys. */
export interface Attended {
  readonly value: Typed;
  readonly from?: BranchModel["from"];
}

/** A `branch` clause, declared as a name. Its body says which pairs, by the names of the declaration around it. */
export function checkBranch(clause: BlockClause, phases: readonly string[], context: Context): void {
  const { name, span } = clause.name;
  let attended: Attended | undefined;
  let failed = false;
  const groups: AssignGroup[] = [];
  for (const each of clause.body.clauses) {
    if (each.kind === "attend") {
      const value = checkAttend(each, context);
      attended ??= value;
      if (value === undefined) failed = true;
    } else if (each.kind === "assign") {
      const group = checkAssign(each, phases, context);
      if (group !== undefined) groups.push(group);
    } else {
      failed = true;
      const what = unsupported(each);
      if (what !== undefined) report(context, "ATTN2201", each.span, { what });
      else report(context, "ATTN2350", each.span, { kind: each.kind });
      // Its uses are not reported too.
      for (const identifier of namesOf(each)) context.scope.declare(identifier.name, { kind: "error", span: identifier.span });
    }
  }
  checkAttendCount({ kind: "branch", name: clause.name, body: clause.body }, phases, !failed, context);
  const attend = attendOf(attended, groups);
  const symbol =
    failed || attend === undefined
      ? ({ kind: "error", span } as const)
      : ({ kind: "branch", branch: { name, attend, from: attended?.from, span }, span } as const);
  declareName(clause.name, symbol, context);
}

/** What the `attend` or the `assign` clauses of a body come to. */
export function attendOf(attended: Attended | undefined, groups: readonly AssignGroup[]): AttendModel | undefined {
  if (attended !== undefined) return { kind: "attend", value: attended.value };
  return groups.length > 0 ? { kind: "assign", groups } : undefined;
}

/** An `attend` clause; undefined where the tensors it attends from are not understood. */
export function checkAttend(clause: AttendClause, context: Context): Attended | undefined {
  if (clause.from === undefined) return { value: checkBool(clause.value, context, "`attend`") };
  const [key, value] = [clause.from.key, clause.from.value].map((name) => pooledInput(name, context));
  if (key === undefined || value === undefined) return undefined;
  context.windows = key;
  const mask = checkBool(clause.value, context, "`attend`");
  context.windows = undefined;
  return { value: readsWindows(mask, context) ? mask : errorAt(mask.span), from: { key, value } };
}

/** The input that a branch attends from; reports any other name. */
function pooledInput(name: Identifier, context: Context): InputModel | undefined {
  const symbol = context.scope.find(name.name);
  if (symbol?.kind === "error") return undefined;
  if (symbol?.kind === "input" && symbol.input.kind === "pooled") return symbol.input;
  const found =
    symbol === undefined
      ? "not declared"
      : symbol.kind === "input"
        ? `an input of kind \`${symbol.input.kind}\``
        : withArticle(describeSymbol(symbol));
  const pooled = [...context.scope.all].filter(([, each]) => each.kind === "input" && each.input.kind === "pooled").map(([each]) => each);
  const where = symbol === undefined ? {} : { labels: [{ span: symbol.span, text: "declared here" }] };
  report(context, "ATTN2357", name.span, { name: name.name, found }, { ...where, ...hint(name.name, pooled) });
  return undefined;
}

/** Whether a mask of windows asks only what windows can answer; reports the first thing that speaks of single keys. */
function readsWindows(mask: Typed, context: Context): boolean {
  const found = speaksOfKeys(mask);
  if (found === undefined) return true;
  report(context, "ATTN2358", found.span, { what: found.what });
  return false;
}

interface Found {
  readonly what: string;
  readonly span: Span;
}

/** The first node that is about single keys; what a pattern or a let says is found at its use, `at`. */
function speaksOfKeys(typed: Typed, at?: Span): Found | undefined {
  // Selections are made of single keys whatever they are read by: which windows can read is known with its numbers.
  if (typed.kind === "selected" || typed.kind === "flag") return undefined;
  const what = aboutKeys(typed);
  if (what !== undefined) return { what, span: at ?? typed.span };
  const below =
    typed.kind === "let"
      ? [typed.let.value]
      : typed.kind === "apply" && typed.pattern.attend !== undefined
        ? [...typed.args.values(), ...attendExpressions(typed.pattern.attend)]
        : typedChildren(typed);
  for (const child of below) {
    const found = speaksOfKeys(child, at ?? (typed.kind === "let" || typed.kind === "apply" ? typed.span : undefined));
    if (found !== undefined) return found;
  }
  return undefined;
}

function aboutKeys(typed: Typed): string | undefined {
  switch (typed.kind) {
    case "variable":
      return typed.name === "k" ? "`k` alone" : undefined;
    case "bit":
    case "load":
      return `the input \`${typed.input.name}\``;
    case "near":
      return "`near`";
    case "term":
      return `\`${typed.term}\``;
    default:
      return undefined;
  }
}
