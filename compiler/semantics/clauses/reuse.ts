import type { Span } from "../../source/file.js";
import type { Arg, AtClause, Expr, Identifier, ReuseClause, SnapClause } from "../../syntax/ast.js";
import { report, type Context } from "../context.js";
import { checkBool } from "../expressions.js";
import { describeSymbol, withArticle } from "../scope.js";
import type { KeepModel, ReuseModel, SelectUnits } from "../tensors/model.js";
import type { Typed } from "../typed.js";
import { isUniform } from "../tensors/check.js";
import { checkAmount } from "./keep.js";

/** What of a selection its reuse must fit. */
interface Reused {
  readonly units: SelectUnits;
  readonly keeps: readonly KeepModel[] | undefined;
  readonly snap: SnapClause | undefined;
}

/** `at layer in [2, 13]` with `reuse later layers`, `reuse every n steps`, or `reuse while cosine(q) >= c`. */
export function checkReuse(
  at: AtClause | undefined,
  reuse: ReuseClause | undefined,
  selection: Reused,
  context: Context,
): ReuseModel | undefined | "failed" {
  const wrong = (span: AtClause["span"], problem: string): "failed" => {
    report(context, "ATTN2327", span, { problem });
    return "failed";
  };
  if (reuse === undefined) return at && wrong(at.span, "`at` says where a selection is made: add `reuse later layers`");
  const { how, span } = reuse;
  switch (how.kind) {
    case "from":
      return reuseFrom(how.name, context);
    case "every": {
      if (at !== undefined) return wrong(at.span, "`at` goes with `reuse later layers`, not with `every`");
      const steps = checkAmount(how.count, "the number of steps", true, context);
      return steps === undefined ? "failed" : { kind: "every", steps, span };
    }
    case "while": {
      if (at !== undefined) return wrong(at.span, "`at` goes with `reuse later layers`, not with `while`");
      const cosine = checkCosine(how.value, context);
      return cosine === undefined || !hasOwnRows(span, selection, context) ? "failed" : { kind: "while", cosine, span };
    }
    case "later": {
      if (at === undefined) return wrong(span, "`reuse later layers` needs `at`: the layers that select");
      const layers = checkBool(at.value, context, "`at`");
      if (layers.type.kind === "error" || !isUniform(layers, "`at`", context)) return "failed";
      return { kind: "layers", at: layers, span };
    }
  }
}

/** The least cosine of `cosine(q) >= c`. */
function checkCosine(value: Expr, context: Context): Typed | undefined {
  const least = value.kind === "binary" && value.op === ">=" && isCosine(value.left) ? value.right : undefined;
  if (least !== undefined) return checkAmount(least, "the least cosine", false, context);
  if (value.kind !== "error") report(context, "ATTN2362", value.span, {});
  return undefined;
}

function isCosine(value: Expr): boolean {
  if (value.kind !== "call" || value.callee.name !== "cosine" || value.args.length !== 1) return false;
  const [{ label, value: of }] = value.args as [Arg];
  return label === undefined && of.kind === "name" && of.name === "q";
}

/** Whether each row of a selection is one choice, for queries next to one another. */
function hasOwnRows(span: Span, { units, keeps = [], snap }: Reused, context: Context): boolean {
  const problem =
    units.q === undefined
      ? "all queries share one choice: give `unit` a `q`"
      : [units.q, units.k].some((unit) => unit?.tile !== undefined || unit?.clusters !== undefined)
        ? "tiles of a layout and clusters do not lie next to one another"
        : keeps.some(({ scope }) => scope === "head")
          ? "`keep … over head` chooses for all rows of a head at a time"
          : snap !== undefined
            ? "`snap` puts the choices of several rows together"
            : undefined;
  if (problem !== undefined) report(context, "ATTN2363", span, { problem });
  return problem === undefined;
}

/** `reuse from NAME`: says how what it asks for is written. */
function reuseFrom({ name, span }: Identifier, context: Context): "failed" {
  const symbol = context.scope.find(name);
  const [reason, instead] =
    symbol?.kind === "select"
      ? ["it is made in every call of this operator", `write \`${name}\` where it is to be read: in \`attend\`, \`among\` or \`force\``]
      : symbol !== undefined
        ? [
            `it is ${withArticle(describeSymbol(symbol))}`,
            "a `select` of another call comes back from the caller: see `reuse later layers`",
          ]
        : [
            "what another call selected comes from the caller",
            "write `at layer in [..]` and `reuse later layers`, or `reuse every n steps`; the caller passes `selected` of that call as `reuse`",
          ];
  report(context, "ATTN2348", span, { name, reason, instead });
  return "failed";
}
