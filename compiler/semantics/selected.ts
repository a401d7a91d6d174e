import type { Span } from "../source/file.js";
import type { MemberExpr } from "../syntax/ast.js";
import { report, type Context } from "./context.js";
import { errorAt } from "./expressions.js";
import type { Symbol } from "./scope.js";
import type { SelectModel } from "./tensors/model.js";
import { Depends, type Typed } from "./typed.js";
import * as T from "./types.js";

type SelectSymbol = Extract<Symbol, { readonly kind: "select" }>;

const term = (select: SelectModel, span: Span, least = false): Typed => ({
  ...{ kind: "selected", select, least },
  ...{ type: T.bool, depends: Depends.pair, span },
});

const joined = (op: "|" | "&", left: Typed, right: Typed): Typed => ({
  ...{ kind: "binary", op, left, right },
  ...{ type: T.bool, depends: Depends.pair, span: left.span },
});

/** `NAME`: what is kept, at whatever level. */
export function selectedTerm({ selects }: SelectSymbol, span: Span): Typed {
  return selects.map((select) => term(select, span)).reduce((a, b) => joined("|", a, b));
}

/** `NAME.min`: what a selection keeps at least. */
export function leastSelected({ name, selects }: SelectSymbol, { span }: MemberExpr, context: Context): Typed {
  const [select] = selects as readonly [SelectModel];
  if (select.keep.min !== undefined) return term(select, span, true);
  report(context, "ATTN2322", span, { name });
  return errorAt(span);
}

/**
 * `NAME.level(m)`: what the rule of a level keeps and those before it do not. All of them are denied, so that the proof
 * that no two levels have a unit in common need not know the rules.
 */
export function selectedLevel({ name, selects }: SelectSymbol, { args = [], span }: MemberExpr, context: Context): Typed {
  const [arg, ...more] = args;
  const found =
    arg?.value.kind === "number" && more.length === 0
      ? selects.findIndex(({ keep }) => keep.level === (arg.value as { value: number }).value)
      : -1;
  const select = selects[found];
  if (select === undefined) {
    const levels = selects.flatMap(({ keep }) => (keep.level === undefined ? [] : [keep.level]));
    report(context, "ATTN2347", arg?.span ?? span, {
      name,
      have: levels.length === 0 ? "it has no levels" : `its levels are ${levels.join(", ")}`,
    });
    return errorAt(span);
  }
  const denied = selects.slice(0, found).map((before): Typed => ({
    ...{ kind: "not", operand: term(before, span) },
    ...{ type: T.bool, depends: Depends.pair, span },
  }));
  return denied.reduce((a, b) => joined("&", a, b), term(select, span));
}
