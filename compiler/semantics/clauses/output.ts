import type { BinaryExpr, CallExpr, Declaration, Expr, IndexExpr, OutputClause } from "../../syntax/ast.js";
import { report, type Context } from "../context.js";
import { checkExpr, hint } from "../expressions.js";
import type { AttendModel, BranchModel, FactorModel, InputModel, MergedModel, MixModel } from "../model.js";
import { Depends } from "../typed.js";
import * as T from "../types.js";
import type { Attended } from "./branch.js";

/** What an attention gives: its one attention, or a mix. */
export interface Output {
  readonly attend?: AttendModel | undefined;
  readonly mix?: MixModel | undefined;
}

/** Its own `attend`, as far as there is one. */
export interface OwnAttend {
  readonly attend?: AttendModel | undefined;
  readonly from?: Attended["from"];
}

/** Reads the `output` of a declaration, whose branches are declared as names. */
export function checkOutput(declaration: Declaration, own: OwnAttend, emitLse: boolean, context: Context): Output {
  const { clauses } = declaration.body;
  const branches = clauses.filter((clause) => clause.kind === "branch");
  const output = clauses.find((clause): clause is OutputClause => clause.kind === "output");
  const attends = clauses.find((clause) => clause.kind === "attend" || clause.kind === "assign");
  if (branches[0] !== undefined && attends !== undefined) {
    report(context, "ATTN2351", attends.span, {}, { labels: [{ span: branches[0].span, text: "the first branch" }] });
    return {};
  }
  if (branches[0] !== undefined && output === undefined) {
    report(context, "ATTN2352", branches[0].span, { name: declaration.name.name });
    return {};
  }
  const { attend, from } = own;
  const alone: BranchModel | undefined = attend && { name: "o", attend, from, span: attends?.span ?? declaration.name.span };
  const mix = output === undefined ? alone && { kind: "branch" as const, branch: alone } : readOutput(output, alone, context);
  if (mix === undefined) return {};
  // One attention over the call's keys is what every operator is.
  if (mix.kind === "branch" && mix.branch.from === undefined) return { attend: mix.branch.attend };
  const clause = clauses.find((each) => each.kind === "emit");
  if (emitLse && !hasLse(mix)) {
    report(context, "ATTN2360", clause!.span, {}, { labels: [{ span: output!.span, text: "the output" }] });
    return {};
  }
  return { mix };
}

/** Whether a mix is still a softmax over keys. */
const hasLse = (mix: MixModel): boolean => mix.kind === "branch" || mix.kind === "merge";

/** A part of an output: what branches give, or a factor of it. */
type Part = { readonly kind: "mix"; readonly mix: MixModel } | { readonly kind: "factor"; readonly factor: FactorModel };

function readOutput(clause: OutputClause, own: BranchModel | undefined, context: Context): MixModel | undefined {
  const part = readPart(clause.value, own, context);
  if (part === undefined || part.kind === "mix") return part?.mix;
  report(context, "ATTN2353", clause.value.span, { what: "a number for each row", expected: "the output of a branch" });
  return undefined;
}

function readPart(expr: Expr, own: BranchModel | undefined, context: Context): Part | undefined {
  switch (expr.kind) {
    case "name": {
      const symbol = context.scope.find(expr.name);
      if (symbol?.kind === "branch") return { kind: "mix", mix: { kind: "branch", branch: symbol.branch } };
      if (symbol?.kind === "error") return undefined;
      if (symbol === undefined && expr.name === "o" && own !== undefined) return { kind: "mix", mix: { kind: "branch", branch: own } };
      if (symbol?.kind === "input" && symbol.input.kind === "gate") {
        report(context, "ATTN2355", expr.span, { name: expr.name, problem: "a gate is one of several numbers", rule: `${expr.name}[0]` });
        return undefined;
      }
      if (symbol === undefined && expr.name !== "s" && expr.name !== "p") {
        report(context, "ATTN2354", expr.span, { name: expr.name }, hint(expr.name, branchNames(own, context)));
        return undefined;
      }
      return constantFactor(expr, context);
    }
    case "index":
      return gateOf(expr, context) ?? undefined;
    case "call":
      if (expr.callee.name === "merge") return mergeOf(expr, own, context);
      if (isFactorFunction(expr.callee.name)) return factorCall(expr, expr.callee.name, own, context);
      return constantFactor(expr, context);
    case "unary": {
      if (expr.op !== "-") return constantFactor(expr, context);
      const part = readPart(expr.operand, own, context);
      if (part === undefined) return undefined;
      if (part.kind === "factor") return { kind: "factor", factor: { kind: "neg", a: part.factor } };
      return { kind: "mix", mix: { kind: "scale", factor: minusOne(expr), of: part.mix } };
    }
    case "binary":
      return binaryPart(expr, own, context);
    default:
      return constantFactor(expr, context);
  }
}

/** A number that is known when the program is compiled. */
function constantFactor(expr: Expr, context: Context): Part | undefined {
  const value = checkExpr(expr, context);
  if (value.type.kind === "error") return undefined;
  if (!T.isNumber(value.type)) report(context, "ATTN2353", expr.span, { what: T.describe(value.type), expected: "a number or a branch" });
  else if (value.depends !== Depends.nothing) report(context, "ATTN2115", expr.span, { where: "a factor of an output" });
  else return { kind: "factor", factor: { kind: "number", value } };
  return undefined;
}

const minusOne = (expr: Expr): FactorModel => ({
  kind: "number",
  value: { kind: "constant", value: -1, type: T.integer(), depends: Depends.nothing, span: expr.span },
});

/** `g[0]` */
function gateOf(expr: IndexExpr, context: Context): Part | undefined {
  const symbol = expr.object.kind === "name" ? context.scope.find(expr.object.name) : undefined;
  if (symbol?.kind !== "input" || symbol.input.kind !== "gate") return constantFactor(expr, context);
  const input: InputModel = symbol.input;
  const [index] = expr.indices;
  if (index === undefined || expr.indices.length !== 1) {
    report(context, "ATTN2109", expr.span, { name: input.name, expected: "one index", found: expr.indices.length });
    return undefined;
  }
  const value = checkExpr(index, context);
  if (value.type.kind === "error") return undefined;
  if (value.type.kind === "int" && value.depends === Depends.nothing)
    return { kind: "factor", factor: { kind: "gate", input, index: value } };
  const problem = "its number is known when the program is compiled";
  report(context, "ATTN2355", index.span, { name: input.name, problem, rule: `${input.name}[0]` });
  return undefined;
}

/** `merge(a, b, …)`, `merge(a, 4 * b)` where each key of b stands for four. */
function mergeOf(expr: CallExpr, own: BranchModel | undefined, context: Context): Part | undefined {
  const parts: MergedModel[] = [];
  for (const { value, label, span } of expr.args) {
    const part = label === undefined ? readPart(value, own, context) : undefined;
    if (part === undefined && label === undefined) return undefined;
    const merged = part?.kind === "mix" ? partsOf(part.mix) : undefined;
    if (merged === undefined) {
      report(context, "ATTN2353", span, { what: "something else", expected: "branches in `merge`, a number before each at most" });
      return undefined;
    }
    parts.push(...merged);
  }
  const branches = parts.map(({ branch }) => branch);
  const twice = branches.find((branch, i) => branches.indexOf(branch) < i);
  if (branches.length < 2 || twice !== undefined) {
    const problem = twice === undefined ? `it has ${branches.length}` : `\`${twice.name}\` is there twice`;
    report(context, "ATTN2359", expr.span, { problem });
    return undefined;
  }
  return { kind: "mix", mix: { kind: "merge", parts, span: expr.span } };
}

/** What a merge is a merge of; a merge in a merge is one with it. */
function partsOf(mix: MixModel): readonly MergedModel[] | undefined {
  switch (mix.kind) {
    case "branch":
      return [{ branch: mix.branch }];
    case "merge":
      return mix.parts;
    case "scale":
      return mix.factor.kind === "number" && mix.of.kind === "branch" ? [{ branch: mix.of.branch, count: mix.factor.value }] : undefined;
    default:
      return undefined;
  }
}

type FactorFunction = "exp" | "tanh" | "sigmoid";
const isFactorFunction = (name: string): name is FactorFunction => name === "exp" || name === "tanh" || name === "sigmoid";

/** `sigmoid(g[0])` */
function factorCall(expr: CallExpr, kind: FactorFunction, own: BranchModel | undefined, context: Context): Part | undefined {
  const [arg] = expr.args;
  if (arg === undefined || expr.args.length !== 1) {
    report(context, "ATTN2109", expr.span, { name: kind, expected: "one argument", found: expr.args.length });
    return undefined;
  }
  const part = readPart(arg.value, own, context);
  if (part === undefined) return undefined;
  if (part.kind === "factor") return { kind: "factor", factor: { kind, a: part.factor } };
  report(context, "ATTN2353", arg.span, { what: "the output of a branch", expected: `a number in \`${kind}\`` });
  return undefined;
}

const operators = { "+": "add", "-": "sub", "*": "mul", "/": "div" } as const;

function binaryPart(expr: BinaryExpr, own: BranchModel | undefined, context: Context): Part | undefined {
  if (!(expr.op in operators)) return constantFactor(expr, context);
  const op = operators[expr.op as keyof typeof operators];
  const [a, b] = [readPart(expr.left, own, context), readPart(expr.right, own, context)];
  if (a === undefined || b === undefined) return undefined;
  if (a.kind === "factor" && b.kind === "factor") return { kind: "factor", factor: { kind: op, a: a.factor, b: b.factor } };
  if (a.kind === "mix" && b.kind === "mix" && (op === "add" || op === "sub")) return { kind: "mix", mix: { kind: op, a: a.mix, b: b.mix } };
  if (op === "mul" && a.kind === "factor" && b.kind === "mix") return { kind: "mix", mix: { kind: "scale", factor: a.factor, of: b.mix } };
  if (op === "mul" && a.kind === "mix" && b.kind === "factor") return { kind: "mix", mix: { kind: "scale", factor: b.factor, of: a.mix } };
  if (op === "div" && a.kind === "mix" && b.kind === "factor") {
    const one: FactorModel = { kind: "number", value: { ...numberOne(expr) } };
    return { kind: "mix", mix: { kind: "scale", factor: { kind: "div", a: one, b: b.factor }, of: a.mix } };
  }
  const what = a.kind === b.kind ? "two outputs" : "an output and a number";
  report(context, "ATTN2353", expr.span, { what: `${what} joined by \`${expr.op}\``, expected: "sums of branches, each times a number" });
  return undefined;
}

const numberOne = (expr: Expr) => ({ kind: "constant", value: 1, type: T.integer(), depends: Depends.nothing, span: expr.span }) as const;

function branchNames(own: BranchModel | undefined, context: Context): readonly string[] {
  const declared = [...context.scope.all].filter(([, symbol]) => symbol.kind === "branch").map(([name]) => name);
  return own === undefined ? declared : [...declared, "o"];
}
