import { selectedTerm } from "./selected.js";
import { suggest } from "../diagnostics/suggest.js";
import type { Span } from "../source/file.js";
import type { Expr, NameExpr } from "../syntax/ast.js";
import { constants, functionNames, isReservedFunction, isReservedValue, maskTerms, scoreNames, variables } from "./builtins.js";
import { checkApply, checkCall } from "./calls.js";
import { report, type Context } from "./context.js";
import { checkIndex, checkMember } from "./access.js";
import { checkBinary, checkConditional, checkUnary } from "./operators.js";
import { describeSymbol } from "./scope.js";
import { flagOf } from "./tensors/flag.js";
import { isFloatInput } from "./tensors/names.js";
import { describeShape } from "./tensors/shape.js";
import { Depends, type Typed } from "./typed.js";
import * as T from "./types.js";

/** Resolves and types an expression. What is wrong is reported once; the result then has the error type. */
export function checkExpr(expr: Expr, context: Context): Typed {
  switch (expr.kind) {
    case "number":
      return {
        kind: "constant",
        value: expr.value,
        type: expr.integer ? T.integer() : T.float,
        depends: Depends.nothing,
        span: expr.span,
      };
    case "name":
      return checkName(expr, context);
    case "call":
      return checkCall(expr, context);
    case "member":
      return checkMember(expr, context);
    case "index":
      return checkIndex(expr, context);
    case "unary":
      return checkUnary(expr, context);
    case "binary":
      return checkBinary(expr, context);
    case "conditional":
      return checkConditional(expr, context);
    case "string":
    case "list":
    case "unknown":
      report(context, "ATTN2114", expr.span, { form: { string: "a text", list: "a list", unknown: "`?`" }[expr.kind] });
      return errorAt(expr.span);
    case "error":
      return errorAt(expr.span);
  }
}

/** As {@link checkExpr}, for a place that takes a boolean. */
export function checkBool(expr: Expr, context: Context, where: string): Typed {
  return expectBool(checkExpr(expr, context), context, where);
}

export function expectBool(typed: Typed, context: Context, where: string): Typed {
  if (typed.type.kind === "bool" || typed.type.kind === "error") return typed;
  report(context, "ATTN2102", typed.span, { where, found: T.describe(typed.type) });
  return errorAt(typed.span);
}

/** An integer for `where`; reports anything else. */
export function checkInt(expr: Expr, context: Context, where: string): Typed {
  return expectInt(checkExpr(expr, context), context, where);
}

export function expectInt(typed: Typed, context: Context, where: string): Typed {
  if (typed.type.kind === "int" || typed.type.kind === "error") return typed;
  report(context, "ATTN2108", typed.span, { where, expected: "an integer", found: T.describe(typed.type) });
  return errorAt(typed.span);
}

/** An integer that is known when the program is compiled: literals, and parameters that are not `runtime`. */
export function checkConstantInt(expr: Expr, context: Context, where: string): Typed {
  return expectConstant(checkInt(expr, context, where), context, where);
}

export function expectConstant(typed: Typed, context: Context, where: string): Typed {
  if (typed.type.kind === "error" || typed.depends === Depends.nothing) return typed;
  report(context, "ATTN2115", typed.span, { where });
  return errorAt(typed.span);
}

export function errorAt(span: Span): Typed {
  return { kind: "error", type: T.error, depends: Depends.nothing, span };
}

/** Inputs that are no masks: what each is, and what it is for. */
const floatInputs = {
  gate: ["a tensor of gates", "multiply an output by one: `output g[0] * a`"],
  pooled: ["a tensor of pooled keys or values", "attend from it: `attend end(k) <= q from ck, cv`"],
  centroids: ["a tensor of centroids", "start clusters from it: `cluster(n, iters: t, from: c)`"],
} as const;

function checkName(expr: NameExpr, context: Context): Typed {
  const { name, span } = expr;
  const symbol = context.scope.find(name);
  if (symbol !== undefined) {
    switch (symbol.kind) {
      case "param":
        return {
          kind: "param",
          param: symbol.param,
          type: symbol.param.type,
          depends: symbol.param.runtime ? Depends.runtime : Depends.nothing,
          span,
        };
      case "let":
        return { kind: "let", let: symbol.let, type: symbol.let.value.type, depends: symbol.let.value.depends, span };
      case "table":
        if (symbol.table.patterns !== undefined) {
          report(context, "ATTN2110", span, { name, what: "a table of patterns", instead: "use it as `assign NAME { … }`" });
          return errorAt(span);
        }
        return { kind: "cell", table: symbol.table, type: T.float, depends: Depends.launch, span };
      case "input":
        if (symbol.input.kind === "ids") {
          report(context, "ATTN2110", span, { name, what: "a tensor of ids", instead: `index it: \`${name}[q] == ${name}[k]\`` });
          return errorAt(span);
        }
        if (symbol.input.kind === "order") {
          report(context, "ATTN2343", span, { name });
          return errorAt(span);
        }
        if (symbol.input.kind === "gate" || symbol.input.kind === "pooled" || symbol.input.kind === "centroids") {
          const [what, instead] = floatInputs[symbol.input.kind];
          report(context, "ATTN2110", span, { name, what, instead });
          return errorAt(span);
        }
        if (isFloatInput(symbol.input.kind)) {
          report(context, "ATTN2310", span, { name, shape: "floats of the caller" });
          return errorAt(span);
        }
        return { kind: "bit", input: symbol.input, type: T.bool, depends: Depends.pair, span };
      case "axis":
        report(context, "ATTN2110", span, { name, what: "an axis", instead: `write \`q.${name}\` or \`k.${name}\`` });
        return errorAt(span);
      case "segment":
        return segmentTerm(symbol.segment, span);
      case "phase":
        return { kind: "phase", name, type: T.phase, depends: Depends.nothing, span };
      case "branch":
        report(context, "ATTN2110", span, { name, what: "a branch", instead: "name it in `output`" });
        return errorAt(span);
      case "select":
        return selectedTerm(symbol, span);
      case "tensor": {
        const flag = flagOf(symbol.tensor.value, name, span);
        if (flag !== undefined) return flag;
        report(context, "ATTN2310", span, { name, shape: describeShape(symbol.tensor.value.shape) });
        return errorAt(span);
      }
      case "error":
        return errorAt(span);
    }
  }
  const early = isReservedValue(name) ? undefined : context.scope.announced(name);
  if (early !== undefined) {
    report(context, "ATTN2006", span, { name }, { labels: [{ span: early, text: "it is declared here" }] });
    return errorAt(span);
  }
  const variable = variables.get(name);
  if (variable !== undefined) return { kind: "variable", name: variable.name, type: variable.type, depends: variable.depends, span };
  const constant = constants.get(name);
  if (constant !== undefined) return { kind: "constant", value: constant, type: T.bool, depends: Depends.nothing, span };
  if (name === "current") return { kind: "term", term: "current", type: T.bool, depends: Depends.pair, span };
  if (context.items.items.has(name)) return checkApply({ name, span }, [], span, context);
  reportUnknown(name, span, context);
  return errorAt(span);
}

/** `text` alone as a mask term: `q in text | k in text`. */
function segmentTerm(segment: Extract<Typed, { readonly kind: "inSegment" }>["segment"], span: Span): Typed {
  const inSegment = (name: "q" | "k"): Typed => {
    const { type } = variables.get(name)!;
    const position: Typed = { kind: "variable", name, type, depends: Depends.pair, span };
    return { kind: "inSegment", position, segment, type: T.bool, depends: Depends.pair, span };
  };
  return { kind: "binary", op: "|", left: inSegment("q"), right: inSegment("k"), type: T.bool, depends: Depends.pair, span };
}

function reportUnknown(name: string, span: Span, context: Context): void {
  if (scoreNames.has(name)) {
    report(context, "ATTN2007", span, { name });
    return;
  }
  if (isReservedFunction(name) || maskTerms.has(name)) {
    report(context, "ATTN2110", span, { name, what: "a function", instead: `call it: \`${name}(…)\`` });
    return;
  }
  report(context, "ATTN2001", span, { name }, hint(name, [...valueNames(context)]));
}

/** "did you mean …" where a name is near; nothing otherwise. */
export function hint(name: string, candidates: Iterable<string>): { readonly hint?: string } {
  const near = suggest(name, candidates);
  return near === undefined ? {} : { hint: `did you mean \`${near}\`?` };
}

function* valueNames(context: Context): Iterable<string> {
  for (const [name, symbol] of context.scope.all) if (symbol.kind !== "error" && describeSymbol(symbol) !== "axis") yield name;
  yield* variables.keys();
  yield* constants.keys();
  yield* context.items.items.keys();
  yield* functionNames;
}
