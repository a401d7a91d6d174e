import type { Arg, InputClause } from "../../syntax/ast.js";
import { report, type Context } from "../context.js";
import { declareName } from "../declare-name.js";
import { checkConstantInt, hint } from "../expressions.js";
import type { InputKind, InputModel } from "../model.js";
import type { Typed } from "../typed.js";

const kinds: readonly InputKind[] = [
  "ids",
  "order",
  "bits",
  "blocks",
  "columns",
  "diagonals",
  "csr",
  "gate",
  "pooled",
  "scores",
  "channels",
  "weights",
  "centroids",
];
/** Kinds of the language that this version does not compile. */
const laterKinds = ["bias", "factor"];

/** Tensors that calls have: a caller passes inputs beside them, by name. */
const tensors: ReadonlySet<string> = new Set(["v", "out", "lse", "selected", "reuse"]);

/** The tensors of an `input` clause, declared as names. */
export function checkInput(clause: InputClause, context: Context): readonly InputModel[] {
  const type = readType(clause, context);
  const inputs: InputModel[] = [];
  for (const identifier of clause.names) {
    const { name, span } = identifier;
    if (tensors.has(name)) {
      report(context, "ATTN2017", span, { name });
      declareName(identifier, { kind: "error", span }, context);
      continue;
    }
    if (type === undefined) {
      declareName(identifier, { kind: "error", span }, context);
      continue;
    }
    const input: InputModel = { ...type, name, span };
    if (declareName(identifier, { kind: "input", input, span }, context)) inputs.push(input);
  }
  return inputs;
}

function readType(clause: InputClause, context: Context): Pick<InputModel, "kind" | "sizes" | "axis"> | undefined {
  const { type } = clause;
  if (type.kind === "error") return undefined;
  const name = type.kind === "name" ? type.name : type.kind === "call" ? type.callee.name : undefined;
  const nameSpan = type.kind === "call" ? type.callee.span : type.span;
  if (name !== undefined && laterKinds.includes(name)) {
    report(context, "ATTN2201", type.span, { what: `an input of kind \`${name}\`` });
    return undefined;
  }
  const kind = kinds.find((k) => k === name);
  if (kind === undefined) {
    report(context, "ATTN2210", nameSpan, { kinds: kinds.join(", ") }, name === undefined ? {} : hint(name, kinds));
    return undefined;
  }
  const args = type.kind === "call" ? type.args : [];
  if (args.some((arg) => arg.label !== undefined)) return wrong(kind, type.span, context);
  switch (kind) {
    case "columns":
    case "diagonals":
    case "channels":
      return args.length === 0 ? { kind, sizes: [], axis: "k" } : wrong(kind, type.span, context);
    case "ids":
    case "order": {
      const axis = args.length === 0 ? defaultAxis(context) : axisOf(args[0]!);
      if (axis === undefined || args.length > 1) return wrong(kind, type.span, context);
      // In a self space the queries are the last of the keys: one row of ids serves both.
      if (axis === "q" && context.space?.kind !== "cross") {
        report(context, "ATTN2221", type.span, { kind });
        return undefined;
      }
      return { kind, sizes: [], axis };
    }
    case "weights": {
      // The queries of the call, in any space.
      const axis = args.length === 0 ? "k" : axisOf(args[0]!);
      return axis === undefined || args.length > 1 ? wrong(kind, type.span, context) : { kind, sizes: [], axis };
    }
    case "centroids": {
      const axis = args.length === 1 ? "k" : args.length === 2 ? axisOf(args[0]!) : undefined;
      if (axis === undefined) return wrong(kind, type.span, context);
      const size = checkConstantInt(args.at(-1)!.value, context, "the number of centroids");
      return size.type.kind === "error" ? undefined : { kind, sizes: [size], axis };
    }
    case "bits":
      if (args.length === 0 || (args.length === 2 && axisOf(args[0]!) === "q" && axisOf(args[1]!) === "k"))
        return { kind, sizes: [], axis: "k" };
      return wrong(kind, type.span, context);
    case "scores":
    case "gate":
    case "pooled":
    case "blocks":
    case "csr": {
      if (args.length !== (kind === "gate" ? 1 : 2)) return wrong(kind, type.span, context);
      const what = kind === "gate" ? "the number of gates" : kind === "pooled" ? "a size of `pooled`" : `a block size of \`${kind}\``;
      const sizes: Typed[] = args.map((arg) => checkConstantInt(arg.value, context, what));
      return sizes.some((size) => size.type.kind === "error") ? undefined : { kind, sizes, axis: "k" };
    }
  }
}

function axisOf(arg: Arg): "q" | "k" | undefined {
  return arg.value.kind === "name" && (arg.value.name === "q" || arg.value.name === "k") ? arg.value.name : undefined;
}

/** Which tokens `ids` without an axis belong to; in a cross space it has to be said. */
function defaultAxis(context: Context): "k" | undefined {
  return context.space?.kind === "cross" ? undefined : "k";
}

const forms: Readonly<Record<InputKind, string>> = {
  ids: "`ids`, or in a cross space `ids(q)` or `ids(k)`",
  order: "`order`, or in a cross space `order(q)` or `order(k)`",
  bits: "`bits(q, k)`",
  blocks: "`blocks(n, m)`, with n queries and m keys to a block",
  columns: "`columns`",
  diagonals: "`diagonals`",
  csr: "`csr(n, m)`, with n queries and m keys to a block",
  scores: "`scores(n, m)`, with a number for each block of n queries and m keys",
  channels: "`channels`",
  weights: "`weights` or `weights(k)`, a number for each key, or `weights(q)`, one for each query of the call",
  centroids: "`centroids(n)` or `centroids(k, n)`, n vectors for the keys of each head, or `centroids(q, n)` for its queries",
  gate: "`gate(n)`, with n numbers for each query and head",
  pooled: "`pooled(n, s)`, with a vector for each window of n keys, one every s keys",
};

function wrong(kind: InputKind, span: InputClause["span"], context: Context): undefined {
  report(context, "ATTN2211", span, { form: forms[kind] });
  return undefined;
}
