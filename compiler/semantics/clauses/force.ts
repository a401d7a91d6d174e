import type { Expr, ForceClause } from "../../syntax/ast.js";
import { findExpr } from "../../syntax/children.js";
import { matchArguments } from "../arguments.js";
import { report, type Context } from "../context.js";
import type { ForceModel, SelectUnits } from "../tensors/model.js";
import type { Typed } from "../typed.js";
import { checkUnitMask } from "./among.js";
import { checkAmount } from "./keep.js";

const counted = ["first", "last", "local"] as const;
type Counted = (typeof counted)[number];

/** `force first(1) + local(2)`; undefined where something is wrong, which has been reported. */
export function checkForce(
  clause: ForceClause,
  { name, units }: { readonly name: string; readonly units: SelectUnits },
  context: Context,
): ForceModel | undefined {
  const force: { -readonly [K in keyof ForceModel]: ForceModel[K] } = { masks: [], span: clause.span };
  const masks: Typed[] = [];
  let failed = false;
  for (const part of parts(clause.value)) {
    const term = part.kind === "call" ? counted.find((each) => each === part.callee.name) : undefined;
    if (term !== undefined && part.kind === "call") {
      const wrong = misplaced(term, units, force);
      const matched = wrong === undefined ? matchArguments(part, [{ name: "n", required: true }], context) : undefined;
      if (wrong !== undefined) report(context, "ATTN2318", part.span, { forms: wrong });
      if (wrong === undefined && term === "local" && units.q?.tile !== units.k?.tile) {
        report(context, "ATTN2341", part.span, { what: "`local(n)` of tokens" });
        failed = true;
      }
      const n = matched && checkAmount(matched.get("n")!, `\`n\` of \`${term}\``, true, context);
      if (n === undefined) failed = true;
      else force[term] = n;
    } else if (part.kind === "name" && part.name === "current") force.current = part.span;
    else {
      const mask = checkForcedMask(part, name, context);
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

/** A mask without amounts that count units, which stand by themselves. */
function checkForcedMask(expr: Expr, select: string, context: Context): Typed | undefined {
  const inner = findExpr(expr, (each) => each.kind === "call" && counted.some((name) => name === each.callee.name));
  if (inner?.kind === "call") {
    const forms = `\`${inner.callee.name}\`, which counts units here, on its own: join it to masks by \`|\``;
    report(context, "ATTN2318", inner.span, { forms });
    return undefined;
  }
  return checkUnitMask(expr, { select, clause: "force" }, context);
}
