import { report } from "../context.js";
import type { Diagnostic } from "../../diagnostics/diagnostic.js";
import type { PatternModel } from "../model.js";
import { attendExpressions, walkTyped } from "../typed-walk.js";
import type { Typed } from "../typed.js";

/** Reports patterns that use themselves, directly or through others; true when there is one. */
export function checkRecursion(patterns: readonly PatternModel[], add: (diagnostic: Diagnostic) => void): boolean {
  const state = new Map<PatternModel, "open" | "done">();
  let found = false;
  const visit = (pattern: PatternModel): void => {
    state.set(pattern, "open");
    for (const use of uses(pattern)) {
      if (use.kind !== "apply") continue;
      if (state.get(use.pattern) === "open") {
        found = true;
        report({ add }, "ATTN2016", use.span, { name: use.pattern.name }, { labels: [{ span: use.pattern.span, text: "declared here" }] });
      } else if (!state.has(use.pattern)) visit(use.pattern);
    }
    state.set(pattern, "done");
  };
  for (const pattern of patterns) if (!state.has(pattern)) visit(pattern);
  return found;
}

function uses(pattern: PatternModel): readonly Typed[] {
  const all: Typed[] = [];
  if (pattern.attend === undefined) return all;
  for (const expr of attendExpressions(pattern.attend)) {
    walkTyped(expr, (typed) => {
      if (typed.kind === "apply") all.push(typed);
    });
  }
  return all;
}
