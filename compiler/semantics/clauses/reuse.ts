import type { AtClause, ReuseClause } from "../../syntax/ast.js";
import { report, type Context } from "../context.js";
import { checkBool } from "../expressions.js";
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
      report(context, "ATTN2201", span, { what: "`reuse from`" });
      return "failed";
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
