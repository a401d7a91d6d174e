import type { Expr } from "../../syntax/ast.js";
import type { Meaning, Place } from "../scope.js";
import { changes, nextStamp } from "../values.js";
import { readSelects, type SelectText } from "./clauses.js";

/*
 * Two uses of a pattern may ask for one selection: it is made once. Which ones are the same is read off a text that has
 * numbers and definitions in the place of names.
 */

type Definition = Extract<Meaning, { kind: "tensor" | "select" }>;

/** Definitions that have been spelled in one mask: those that say the same have the same number. */
export interface Spellings {
  readonly definitions: Map<Definition, string>;
  readonly texts: Map<string, string>;
}

/** What a selection says, in full. */
export function selectionKey(text: SelectText, place: Place, least: boolean): string {
  const { units, group, keep, score, among, force, snap } = text;
  const exprs = [score, keep.amount, keep.least, keep.most, among, ...force].map((expr) =>
    expr === undefined ? "" : spelled(expr, place),
  );
  return JSON.stringify([units, group, keep.rule, keep.onTop, keep.scope, snap, least, exprs]);
}

/** An expression with everything that its names stand for. */
export function spelled(expr: Expr, place: Place): string {
  const below = (each: Expr): string => spelled(each, place);
  switch (expr.kind) {
    case "number":
      return String(expr.value);
    case "name":
      return spelledName(expr.name, place);
    case "call":
      return `${expr.callee.name}(${expr.args.map((arg) => `${arg.label?.text ?? ""}:${below(arg.value)}`).join()})`;
    case "member":
      return `${below(expr.object)}.${expr.name.name}(${(expr.args ?? []).map((arg) => below(arg.value)).join()})`;
    case "index":
      return `${below(expr.object)}[${expr.indices.map(below).join()}]`;
    case "unary":
      return `(${expr.op}${below(expr.operand)})`;
    case "binary":
      return `(${below(expr.left)}${expr.op}${below(expr.right)})`;
    case "conditional":
      return `(${below(expr.condition)}?${below(expr.then)}:${below(expr.otherwise)})`;
    case "list":
      return `[${expr.items.map(below).join()}]`;
    default:
      return expr.kind;
  }
}

/** A number in the place of a definition: written out, one that reads others would have each of them in it, with all that they read. */
function spelledDefinition(meaning: Definition, { selected: { spellings } }: Place): string {
  let found = spellings.definitions.get(meaning);
  if (found === undefined) {
    const text =
      meaning.kind === "tensor"
        ? spelled(meaning.expr, meaning.place)
        : readSelects(meaning.clause, meaning.place)
            .map((each) => selectionKey(each, meaning.place, false))
            .join();
    const { texts } = spellings;
    if (!texts.has(text)) texts.set(text, `#${texts.size}`);
    spellings.definitions.set(meaning, (found = texts.get(text)!));
  }
  return found;
}

function spelledName(name: string, place: Place): string {
  const meaning = place.names.get(name);
  if (meaning?.kind === "tensor" || meaning?.kind === "select") return spelledDefinition(meaning, place);
  if (meaning?.kind !== "term") return name;
  const { term } = meaning;
  // What differs from pair to pair has no number; its name stands for it.
  if ((term.with & (changes.query | changes.key)) !== 0) return name;
  const { heads, kvHeads } = place.launch;
  const values = Array.from({ length: heads }, (_, h) => {
    const kvh = Math.floor(h / (heads / kvHeads));
    return term.at({ b: 0, h, kvh, q: 0, k: 0, head: nextStamp(), row: nextStamp() });
  });
  return JSON.stringify(values);
}
