import type { Span } from "../source/file.js";
import type { Arg, CallExpr, Identifier } from "../syntax/ast.js";
import { findAxis } from "./access.js";
import { matchArguments } from "./arguments.js";
import { functionNames, laterFunctions, maskTerms, numberFunctions, outputFunctions } from "./builtins.js";
import { report, type Context } from "./context.js";
import { checkExpr, errorAt, expectBool, expectInt, hint } from "./expressions.js";
import type { InputModel, ParamModel } from "./model.js";
import { requireUniform } from "./operators.js";
import { isTensorFunction } from "./tensors/names.js";
import { Depends, type MaskTerm, type NumberFunction, type Typed } from "./typed.js";
import * as T from "./types.js";

/** A call of a built-in function, a mask term or a pattern. */
export function checkCall(expr: CallExpr, context: Context): Typed {
  const { name } = expr.callee;
  const fn = numberFunctions.get(name);
  if (fn !== undefined) return checkNumberFunction(fn, expr, context);
  const term = maskTerms.get(name);
  if (term !== undefined) return checkTerm(term, expr, context);
  if (name === "near") return checkNear(expr, context);
  if (name === "quantile") return checkQuantile(expr, context);
  if (context.windows !== undefined && (name === "start" || name === "end")) return checkWindowEnd(expr, context.windows, context);
  if (context.items.items.has(name)) return checkApply(expr.callee, expr.args, expr.span, context);
  if (isTensorFunction(name, context)) {
    report(context, "ATTN2325", expr.callee.span, { name });
    return errorAt(expr.span);
  }
  if (outputFunctions.has(name)) {
    report(context, "ATTN2007", expr.callee.span, { name });
    return errorAt(expr.span);
  }
  for (const arg of expr.args) if (!laterFunctions.has(name)) checkExpr(arg.value, context);
  if (laterFunctions.has(name)) report(context, "ATTN2201", expr.span, { what: `the function \`${name}\`` });
  else if (context.scope.find(name) !== undefined) report(context, "ATTN2120", expr.callee.span, { name });
  else report(context, "ATTN2005", expr.callee.span, { name }, hint(name, [...functionNames, ...context.items.items.keys()]));
  return errorAt(expr.span);
}

const parameterNames: Readonly<Record<NumberFunction, readonly string[]>> = {
  min: ["a", "b"],
  max: ["a", "b"],
  abs: ["x"],
  clamp: ["x", "low", "high"],
  round_up: ["x", "multiple"],
  pow2: ["x"],
  log: ["x"],
  exp: ["x"],
  tanh: ["x"],
  floor: ["x"],
  ceil: ["x"],
};

function checkNumberFunction(name: NumberFunction, expr: CallExpr, context: Context): Typed {
  const names = parameterNames[name];
  // min and max take any number of values from two on.
  const variadic = name === "min" || name === "max";
  const wanted = variadic && expr.args.length > 2 ? expr.args.map((_, i) => (i < 2 ? names[i]! : `value ${i + 1}`)) : names;
  const matched = matchArguments(
    expr,
    wanted.map((n) => ({ name: n, required: true })),
    context,
  );
  if (matched === undefined) return errorAt(expr.span);
  const args = wanted.map((n) => checkExpr(matched.get(n)!, context));
  if (args.some((arg) => arg.type.kind === "error")) return errorAt(expr.span);
  for (const arg of args) {
    if (T.isNumber(arg.type)) continue;
    report(context, "ATTN2108", arg.span, { where: `\`${name}\``, expected: "a number", found: T.describe(arg.type) });
    return errorAt(expr.span);
  }
  const type = numberResult(name, args, context);
  if (type.kind === "error") return errorAt(expr.span);
  const real = type.kind === "float" || args.some((arg) => arg.type.kind === "float");
  if (real && !requireUniform(args, expr.span, context)) return errorAt(expr.span);
  return { kind: "call", name, args, type, depends: args.reduce((all, arg) => all | arg.depends, 0), span: expr.span };
}

function numberResult(name: NumberFunction, args: readonly Typed[], context: Context): T.Type {
  switch (name) {
    case "pow2":
      return expectInt(args[0]!, context, "`pow2`").type.kind === "error" ? T.error : T.bool;
    case "log":
    case "exp":
    case "tanh":
      return T.float;
    case "floor":
    case "ceil":
      return T.integer();
    case "round_up":
      return expectInt(args[1]!, context, "the multiple of `round_up`").type.kind === "error" ? T.error : T.integer();
    default: {
      if (args.some((arg) => arg.type.kind === "float")) return T.float;
      return T.integer(args.map((arg) => (arg.type.kind === "int" ? arg.type.unit : "number")).reduce(T.commonUnit));
    }
  }
}

function checkTerm(term: MaskTerm, expr: CallExpr, context: Context): Typed {
  if (term === "current") {
    report(context, "ATTN2121", expr.span, { name: "current" });
    return errorAt(expr.span);
  }
  const matched = matchArguments(expr, [{ name: "n", required: true }], context);
  if (matched === undefined) return errorAt(expr.span);
  const n = expectInt(checkExpr(matched.get("n")!, context), context, `\`${term}\``);
  if (n.type.kind === "error") return errorAt(expr.span);
  return { kind: "term", term, n, type: T.bool, depends: n.depends | Depends.pair, span: expr.span };
}

function checkNear(expr: CallExpr, context: Context): Typed {
  const matched = matchArguments(
    expr,
    [
      { name: "axis", required: true },
      { name: "window", required: true },
      { name: "stride", required: false },
      { name: "dilation", required: false },
      { name: "causal", required: false },
    ],
    context,
  );
  if (matched === undefined) return errorAt(expr.span);
  const axisExpr = matched.get("axis")!;
  if (axisExpr.kind !== "name") {
    report(context, "ATTN2108", axisExpr.span, { where: "the first argument of `near`", expected: "an axis", found: "an expression" });
    return errorAt(expr.span);
  }
  const axis = findAxis(axisExpr, context);
  let failed = axis === undefined;
  const option = (name: string): Typed | undefined => {
    const value = matched.get(name);
    if (value === undefined) return undefined;
    const where = `\`${name}\` of \`near\``;
    let typed = checkExpr(value, context);
    typed = name === "causal" ? expectBool(typed, context, where) : expectInt(typed, context, where);
    if (typed.type.kind === "error") failed = true;
    return typed;
  };
  const [window, stride, dilation, causal] = ["window", "stride", "dilation", "causal"].map(option);
  if (failed || axis === undefined || window === undefined) return errorAt(expr.span);
  return { kind: "near", axis, window, stride, dilation, causal, type: T.bool, depends: Depends.pair, span: expr.span };
}

/** `quantile(table, p)`: over all values of the table, as NumPy's default. */
function checkQuantile(expr: CallExpr, context: Context): Typed {
  const matched = matchArguments(
    expr,
    ["table", "p"].map((name) => ({ name, required: true })),
    context,
  );
  if (matched === undefined) return errorAt(expr.span);
  const tableExpr = matched.get("table")!;
  const symbol = tableExpr.kind === "name" ? context.scope.find(tableExpr.name) : undefined;
  if (symbol?.kind === "error") return errorAt(expr.span);
  if (symbol?.kind !== "table" || symbol.table.patterns !== undefined) {
    report(context, "ATTN2108", tableExpr.span, {
      where: "the first argument of `quantile`",
      expected: "a table of numbers",
      found: symbol?.kind === "table" ? "a table of patterns" : "something else",
    });
    return errorAt(expr.span);
  }
  const p = checkExpr(matched.get("p")!, context);
  if (p.type.kind === "error") return errorAt(expr.span);
  if (!T.isNumber(p.type)) {
    report(context, "ATTN2108", p.span, { where: "the second argument of `quantile`", expected: "a number", found: T.describe(p.type) });
    return errorAt(expr.span);
  }
  if (p.depends !== Depends.nothing) {
    report(context, "ATTN2115", p.span, { where: "the second argument of `quantile`" });
    return errorAt(expr.span);
  }
  return { kind: "quantile", table: symbol.table, p, type: T.float, depends: Depends.nothing, span: expr.span };
}

/** `end(k)`, `start(k)`: a position of the window that a key stands for. */
function checkWindowEnd(expr: CallExpr, windows: InputModel, context: Context): Typed {
  const [arg] = expr.args;
  const isKey = expr.args.length === 1 && arg!.label === undefined && arg!.value.kind === "name" && arg!.value.name === "k";
  if (!isKey) {
    report(context, "ATTN2108", expr.span, { where: `\`${expr.callee.name}\``, expected: "`k`, the window", found: "something else" });
    return errorAt(expr.span);
  }
  const end = expr.callee.name === "end" ? "last" : "first";
  return { kind: "windowEnd", end, windows, type: T.integer("key position"), depends: Depends.pair, span: expr.span };
}

/** A pattern used as a mask term. Arguments go by name, or in order. */
export function checkApply(callee: Omit<Identifier, "kind">, args: readonly Arg[], span: Span, context: Context): Typed {
  const item = context.items.find(callee.name)!;
  if (item.kind === "error") return errorAt(span);
  if (item.kind !== "pattern") {
    report(
      context,
      "ATTN2015",
      callee.span,
      { name: callee.name, kind: item.kind },
      { labels: [{ span: item.span, text: "declared here" }] },
    );
    return errorAt(span);
  }
  const { pattern } = item;
  const matched = matchArguments(
    { callee, args, span },
    pattern.params.map((param) => ({ name: param.name, required: false })),
    context,
  );
  if (matched === undefined) return errorAt(span);
  const values = new Map<ParamModel, Typed>();
  let failed = false;
  for (const param of pattern.params) {
    const expr = matched.get(param.name);
    if (expr === undefined) continue;
    const value = checkArgument(checkExpr(expr, context), param, callee.name, context);
    if (value.type.kind === "error") failed = true;
    values.set(param, value);
  }
  if (failed) return errorAt(span);
  return { kind: "apply", pattern, args: values, type: T.bool, depends: Depends.pair, span };
}

function checkArgument(value: Typed, param: ParamModel, pattern: string, context: Context): Typed {
  if (value.type.kind === "error" || param.type.kind === "error") return value;
  const fits = param.type.kind === "float" ? T.isNumber(value.type) : param.type.kind === value.type.kind;
  if (!fits) {
    const where = `\`${param.name}\` of \`${pattern}\``;
    report(context, "ATTN2108", value.span, { where, expected: T.describe(param.type), found: T.describe(value.type) });
    return errorAt(value.span);
  }
  if ((value.depends & (Depends.pair | Depends.batch)) !== 0) {
    report(context, "ATTN2122", value.span, { name: param.name, pattern });
    return errorAt(value.span);
  }
  return value;
}
