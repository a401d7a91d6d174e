import type { Span } from "../source/file.js";
import type { BlockClause, Clause, Declaration, LetClause } from "../syntax/ast.js";
import { checkAttendCount } from "./checks/attend-count.js";
import { checkPhases } from "./checks/phases.js";
import { checkUnused } from "./checks/unused.js";
import { namesOf, unsupported } from "./checks/unsupported.js";
import { checkAssign } from "./clauses/assign.js";
import { attendOf, checkAttend, checkBranch, type Attended } from "./clauses/branch.js";
import { checkEmit, checkRequire } from "./clauses/emit-require.js";
import { checkInput } from "./clauses/input.js";
import { checkLayout } from "./clauses/layout.js";
import { checkOutput } from "./clauses/output.js";
import { belongsInSelect, checkSelect } from "./clauses/select.js";
import { checkShape } from "./clauses/shape.js";
import { checkSpace } from "./clauses/space.js";
import { checkTable } from "./clauses/table.js";
import { checkPool, checkProbe, checkTensorLet } from "./clauses/tensors.js";
import { report, type Context } from "./context.js";
import { declareName } from "./declare-name.js";
import { checkExpr } from "./expressions.js";
import type { AssignGroup, AttendModel, AttentionModel, InputModel, LayoutModel, MixModel, ParamModel, ShapeModel } from "./model.js";
import { mentionsTensor } from "./tensors/names.js";
import { withArticle } from "./scope.js";
import * as T from "./types.js";

/** What the body of a pattern or attention says. */
interface Body {
  readonly inputs: readonly InputModel[];
  readonly phases: readonly string[];
  readonly shape?: ShapeModel | undefined;
  readonly layout?: LayoutModel | undefined;
  readonly attend?: AttendModel | undefined;
  readonly mix?: MixModel | undefined;
  readonly emitLse: boolean;
  readonly requireRowsNonempty: boolean;
}

/** Checks the body of a pattern: its inputs, and what it attends to. */
export function checkPatternBody(declaration: Declaration, context: Context): Pick<Body, "inputs" | "attend"> {
  return checkBody(declaration, context);
}

/** Checks an attention whose parameters are declared; undefined when it cannot be built. */
export function checkAttention(declaration: Declaration, params: readonly ParamModel[], context: Context): AttentionModel | undefined {
  // The space comes first, wherever it stands: inputs and expressions depend on it.
  const spaces = declaration.body.clauses.filter((clause) => clause.kind === "space");
  for (const clause of spaces.slice(1)) reportSecond("a `space` clause", clause.span, spaces[0]!.span, context);
  if (spaces[0] === undefined) report(context, "ATTN2205", declaration.name.span, { name: declaration.name.name });
  else context.space = checkSpace(spaces[0], context);
  const body = checkBody(declaration, context);
  if (context.space === undefined || (body.attend === undefined && body.mix === undefined)) return undefined;
  const { name, doc } = { name: declaration.name.name, doc: declaration.doc };
  return {
    kind: "attention",
    name,
    doc,
    file: context.file,
    node: declaration,
    params,
    span: declaration.name.span,
    space: context.space,
    shape: body.shape,
    layout: body.layout,
    phases: body.phases,
    inputs: body.inputs,
    attend: body.attend,
    mix: body.mix,
    emitLse: body.emitLse,
    requireRowsNonempty: body.requireRowsNonempty,
  };
}

function checkBody(declaration: Declaration, context: Context): Body {
  const inputs: InputModel[] = [];
  const groups: AssignGroup[] = [];
  let attend: Attended | undefined;
  let phases: readonly string[] = [];
  let shape: ShapeModel | undefined;
  let layout: LayoutModel | undefined;
  let emitLse = false;
  let requireRowsNonempty = false;
  let complete = true;
  const firsts = new Map<Clause["kind"], Span>();

  const { clauses } = declaration.body;
  for (const clause of clauses) for (const identifier of namesOf(clause)) context.scope.announce(identifier.name, identifier.span);
  phases = checkPhases(clauses, context);
  for (const clause of clauses) {
    const what = unsupported(clause);
    if (what !== undefined) {
      report(context, "ATTN2201", clause.span, { what });
      for (const identifier of namesOf(clause)) context.scope.declare(identifier.name, { kind: "error", span: identifier.span });
      complete = false;
      continue;
    }
    if (belongsInSelect(clause.kind)) {
      report(context, "ATTN2314", clause.span, { clause: clause.kind, belongs: "stands in a `select`" });
      continue;
    }
    if (declaration.kind === "pattern" && onlyInAttention.has(clause.kind)) {
      report(context, "ATTN2208", clause.span, { what: `${withArticle(`\`${clause.kind}\``)} clause`, kind: "pattern" });
      continue;
    }
    if (single.has(clause.kind)) {
      const first = firsts.get(clause.kind);
      if (first !== undefined) {
        reportSecond(`a \`${clause.kind}\` clause`, clause.span, first, context);
        continue;
      }
      firsts.set(clause.kind, clause.span);
    }
    switch (clause.kind) {
      case "shape":
        shape = checkShape(clause, context);
        break;
      case "layout":
        layout = checkLayout(clause, context);
        break;
      case "input":
        inputs.push(...checkInput(clause, context));
        break;
      case "table":
        checkTable(clause, context);
        break;
      case "probe":
        checkProbe(clause, context);
        break;
      case "pool":
        checkPool(clause, context);
        break;
      case "select":
        checkSelect(clause as BlockClause, context);
        break;
      case "let":
        checkLet(clause, context);
        break;
      case "attend": {
        const value = checkAttend(clause, context);
        attend ??= value;
        if (value === undefined) complete = false;
        break;
      }
      case "assign": {
        const group = checkAssign(clause, phases, context);
        if (group !== undefined) groups.push(group);
        break;
      }
      case "branch":
        checkBranch(clause as BlockClause, phases, context);
        break;
      case "emit":
        emitLse = checkEmit(clause, context) || emitLse;
        break;
      case "require":
        requireRowsNonempty = checkRequire(clause, context) || requireRowsNonempty;
        break;
      default:
        break;
    }
  }
  const branched = clauses.some((clause) => clause.kind === "branch");
  if (!branched) checkAttendCount(declaration, phases, complete, context);
  const own = { attend: attendOf(attend, groups), from: attend?.from };
  const result = complete ? checkOutput(declaration, own, emitLse, context) : undefined;
  if (complete && !context.failed) checkUnused(context);
  return { inputs, phases, shape, layout, ...result, emitLse, requireRowsNonempty };
}

/** Clauses that a declaration has once; `space` and `attend` are counted elsewhere. */
const single: ReadonlySet<Clause["kind"]> = new Set<Clause["kind"]>(["shape", "phase", "layout", "output"]);

const onlyInAttention: ReadonlySet<Clause["kind"]> = new Set<Clause["kind"]>([
  ...(["space", "shape", "layout", "phase", "emit", "require"] as const),
  ...(["branch", "output"] as const),
]);

function reportSecond(what: string, span: Span, first: Span, context: Context): void {
  report(context, "ATTN2202", span, { what }, { labels: [{ span: first, text: "the first one" }] });
}

function checkLet(clause: LetClause, context: Context): void {
  if (mentionsTensor(clause.value, context, false)) {
    checkTensorLet(clause, context);
    return;
  }
  const value = checkExpr(clause.value, context);
  const { name, span } = clause.name;
  const failed = value.type.kind === "error";
  if (value.type.kind === "phase")
    report(context, "ATTN2116", clause.value.span, { name, expected: "a number or a boolean", found: T.describe(value.type) });
  const symbol =
    failed || value.type.kind === "phase"
      ? ({ kind: "error", span } as const)
      : ({ kind: "let", let: { name, value, span }, span } as const);
  declareName(clause.name, symbol, context);
}
