import type { SelectionItem, Tensor } from "../mask/selection.js";
import { tensorChildren, tensorsOf } from "../mask/selection-walk.js";

/**
 * The tensors of which some element is read that belongs to no candidate. Of all others what lies beyond causality need
 * not be computed.
 */
export function readBeyondCandidates(selections: readonly SelectionItem[]): ReadonlySet<Tensor> {
  const whole = new Set<Tensor>();
  const seen = new Set<Tensor>();
  const visit = (node: Tensor, everywhere: boolean): void => {
    if (everywhere ? whole.has(node) : seen.has(node)) return;
    seen.add(node);
    if (everywhere) whole.add(node);
    for (const child of tensorChildren(node)) visit(child, readsEverywhere(node, everywhere));
  };
  for (const each of selections) tensorsOf(each).forEach((root) => visit(root, each.kind !== "selection"));
  return whole;
}

/** Whether a node reads elements of its operands that are no candidates. */
function readsEverywhere(node: Tensor, everywhere: boolean): boolean {
  switch (node.kind) {
    case "softmax":
    case "diagonals":
      return false;
    case "reduce":
      return node.over === "dim" ? everywhere : node.a.axes.rows === undefined || node.a.axes.columns === undefined;
    case "pool":
    case "smooth":
    case "fold":
    case "dot":
      return true;
    default:
      return everywhere;
  }
}

/** Kinds whose elements are made from the same elements of their operands alone. */
const elementwise: ReadonlySet<Tensor["kind"]> = new Set<Tensor["kind"]>([
  ...(["neg", "abs", "exp", "log", "tanh", "sqrt", "add", "sub", "mul", "div", "min", "max", "lt", "le", "choose", "heads"] as const),
]);

/**
 * The score of a selection and the tensors with its rows and columns of which it reads the same element, each of them read
 * `once`: what is asked of an element of the score is all that is asked of theirs.
 */
export function readElementwise(score: Tensor, once: (node: Tensor) => boolean): readonly Tensor[] {
  const inner = elementwise.has(score.kind)
    ? tensorChildren(score).filter(({ axes }) => same(axes.rows, score.axes.rows) && same(axes.columns, score.axes.columns))
    : [];
  return once(score) ? [score, ...inner.flatMap((child) => readElementwise(child, once))] : [];
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
