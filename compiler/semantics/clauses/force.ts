import type { Expr, ForceClause } from "../../syntax/ast.js";
import { matchArguments } from "../arguments.js";
import { report, type Context } from "../context.js";
import { checkBool } from "../expressions.js";
import type { ForceModel, SelectUnits } from "../tensors/model.js";
import type { Typed } from "../typed.js";
import { walkAttend } from "../typed-walk.js";
import { checkAmount } from "./keep.js";

const counted = ["first", "last", "local"] as const;
type Counted = (typeof counted)[number];

/** `force first(1) + local(2)`; undefined where something is wrong, which has been reported. */
export function checkForce(clause: ForceClause, units: SelectUnits, context: Context): ForceModel | undefined {
  const force: { -readonly [K in keyof ForceModel]: ForceModel[K] } = { masks: [], span: clause.span };
  const masks: Typed[] = [];
  let failed = false;
  for (const part of parts(clause.value)) {
    const term = part.kind === "call" ? counted.find((each) => each === part.callee.name) : undefined;
    if (term !== undefined && part.kind === "call") {
      const wrong = misplaced(term, units, force);
      const matched = wrong === undefined ? matchArguments(part, [{ name: "n", required: true }], context) : undefined;
      if (wrong !== undefined) report(context, "ATTN2318", part.span, { forms: wrong });
      const n = matched && checkAmount(matched.get("n")!, `\`n\` of \`${term}\``, true, context);
      if (n === undefined) failed = true;
      else force[term] = n;
    } else if (part.kind === "name" && part.name === "current") force.current = part.span;
    else {
      const mask = checkForcedMask(part, context);
      if (mask === undefined) failed = true;
      else masks.push(mask);
    }
  }
  return failed ? undefined : { ...force, masks };
}

/** The terms that `+` and `|` join. */
function parts(expr: Expr): readonly Expr[] {
  return expr.kind === "binary" && (expr.op === "+" || expr.op === "|") ? [...parts(expr.left), ...parts(expr.right)] : [expr];
}

function misplaced(term: Counted, units: SelectUnits, force: Partial<ForceModel>): string | undefined {
  if (force[term] !== undefined) return `\`${term}\` once`;
  if (units.diag !== undefined && term !== "first") return "`first(n)` or `current` where distances are selected";
  if (term === "local" && units.q === undefined) return "`local(n)` where each unit of queries chooses for itself: `unit q: …`";
  return undefined;
}

/** A mask without selections, flags and inputs. */
function checkForcedMask(expr: Expr, context: Context): Typed | undefined {
  if (expr.kind === "error") return undefined;
  const inner = countedInside(expr);
  if (inner !== undefined) {
    const forms = `\`${inner.callee.name}\`, which counts units here, on its own: join it to masks by \`|\``;
    report(context, "ATTN2318", inner.span, { forms });
    return undefined;
  }
  const mask = checkBool(expr, context, "`force`");
  if (mask.type.kind === "error") return undefined;
  const what = readsData(mask);
  if (what === undefined) return mask;
  report(context, "ATTN2323", mask.span, { where: "what is forced", what });
  return undefined;
}

function countedInside(expr: Expr): Extract<Expr, { readonly kind: "call" }> | undefined {
  switch (expr.kind) {
    case "call":
      return counted.some((each) => each === expr.callee.name) ? expr : undefined;
    case "unary":
      return countedInside(expr.operand);
    case "binary":
      return countedInside(expr.left) ?? countedInside(expr.right);
    case "conditional":
      return countedInside(expr.condition) ?? countedInside(expr.then) ?? countedInside(expr.otherwise);
    default:
      return undefined;
  }
}

/** What of the data an expression reads, patterns that it uses included. */
export function readsData(typed: Typed): string | undefined {
  let found: string | undefined;
  walkAttend(typed, (node) => {
    if (node.kind === "selected") found ??= `the selection \`${node.select.name}\``;
    else if (node.kind === "flag") found ??= `the tensors of \`${node.name}\``;
    else if (node.kind === "bit" || node.kind === "load") found ??= `the input \`${node.input.name}\``;
    else if (node.kind === "variable" && node.name === "b") found ??= "the entry of the batch";
  });
  return found;
}
