import type { AttendModel, PatternModel } from "./model.js";
import type { Typed } from "./typed.js";

/** The expressions directly below; those of a let are not below its uses. */
export function typedChildren(typed: Typed): readonly Typed[] {
  switch (typed.kind) {
    case "cell":
      return present(typed.row, typed.column);
    case "quantile":
      return [typed.p];
    case "load":
      return [typed.index];
    case "bit":
      return typed.at === undefined ? [] : [typed.at.row, typed.at.column];
    case "coordinate":
      return [typed.of];
    case "near":
      return present(typed.window, typed.stride, typed.dilation, typed.causal);
    case "inSegment":
      return [typed.position];
    case "inList":
      return [typed.value, ...typed.items];
    case "term":
      return present(typed.n);
    case "call":
      return typed.args;
    case "apply":
      return [...typed.args.values()];
    case "negate":
    case "not":
      return [typed.operand];
    case "binary":
      return [typed.left, typed.right];
    case "conditional":
      return [typed.condition, typed.then, typed.otherwise];
    case "selected": {
      const { keep, among, force, snap, reuse } = typed.select;
      const reused = reuse?.kind === "every" ? reuse.steps : reuse?.kind === "layers" ? reuse.at : reuse?.cosine;
      const forced = [...present(force?.first, force?.last, force?.local), ...(force?.masks ?? [])];
      return [...present(keep.amount, keep.min, keep.max, among, snap, reused), ...forced];
    }
    default:
      return [];
  }
}

/** The expressions of an `attend` or of all its `assign` groups. */
export function attendExpressions(attend: AttendModel): readonly Typed[] {
  if (attend.kind === "attend") return [attend.value];
  if (attend.kind === "both") return attend.items.flatMap(attendExpressions);
  return attend.groups.flatMap(({ choice }) =>
    choice.kind === "table" ? choice.terms : [...choice.cases.flatMap((each) => [each.when, each.value]), choice.otherwise],
  );
}

/** Calls `see` for the expression, everything below it, and the lets it uses. */
export function walkTyped(typed: Typed, see: (typed: Typed) => void): void {
  see(typed);
  if (typed.kind === "let") walkTyped(typed.let.value, see);
  for (const child of typedChildren(typed)) walkTyped(child, see);
}

/** As {@link walkTyped}, into the patterns that are used too. They may use themselves, which is reported elsewhere. */
export function walkAttend(typed: Typed, see: (typed: Typed) => void): void {
  const seen = new Set<PatternModel>();
  const inside = (node: Typed): void => {
    see(node);
    if (node.kind !== "apply" || seen.has(node.pattern) || node.pattern.attend === undefined) return;
    seen.add(node.pattern);
    for (const expr of attendExpressions(node.pattern.attend)) walkTyped(expr, inside);
  };
  walkTyped(typed, inside);
}

function present(...items: readonly (Typed | undefined)[]): readonly Typed[] {
  return items.filter((item) => item !== undefined);
}
