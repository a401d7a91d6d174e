import type { AtClause, Identifier, ReuseClause } from "../../syntax/ast.js";
import { report, type Context } from "../context.js";
import { checkBool } from "../expressions.js";
import { describeSymbol, withArticle } from "../scope.js";
import type { ReuseModel } from "../tensors/model.js";
import { isUniform } from "../tensors/check.js";
import { checkAmount } from "./keep.js";

/** `at layer in [2, 13]` with `reuse later layers`, or `reuse every n steps`. */
export function checkReuse(at: AtClause | undefined, reuse: ReuseClause | undefined, context: Context): ReuseModel | undefined | "failed" {
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
    case "later": {
      if (at === undefined) return wrong(span, "`reuse later layers` needs `at`: the layers that select");
      const layers = checkBool(at.value, context, "`at`");
      if (layers.type.kind === "error" || !isUniform(layers, "`at`", context)) return "failed";
      return { kind: "layers", at: layers, span };
    }
  }
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
