import { Depends, type MaskTerm, type NumberFunction, type Variable } from "./typed.js";
import { integer, phase, type Type } from "./types.js";

/** Variables that an expression may name. */
export const variables: ReadonlyMap<string, { readonly name: Variable; readonly type: Type; readonly depends: number }> = new Map(
  (
    [
      ["q", integer("query position"), Depends.pair],
      ["k", integer("key position"), Depends.pair],
      ["b", integer("batch entry"), Depends.batch],
      ["h", integer("query head"), Depends.launch],
      ["kvh", integer("kv head"), Depends.launch],
      ["layer", integer("layer"), Depends.launch],
      ["layers", integer(), Depends.launch],
      ["step", integer("step"), Depends.launch],
      ["steps", integer(), Depends.launch],
      ["phase", phase, Depends.launch],
      ["N", integer(), Depends.launch],
      ["NQ", integer(), Depends.launch],
    ] as const
  ).map(([name, type, depends]) => [name, { name, type, depends }]),
);

/** Names with a value of their own besides the variables. */
export const constants: ReadonlyMap<string, boolean> = new Map([
  ["all", true],
  ["none", false],
  ["true", true],
  ["false", false],
]);

/** Names that mean something only in clauses that rewrite scores or outputs; a declaration may use them for its own. */
export const scoreNames: ReadonlySet<string> = new Set(["scale", "s", "p", "o"]);

export const numberFunctions: ReadonlyMap<string, NumberFunction> = new Map(
  (["min", "max", "abs", "clamp", "round_up", "pow2", "log", "exp", "tanh", "floor", "ceil"] as const).map((name) => [name, name]),
);

export const maskTerms: ReadonlyMap<string, MaskTerm> = new Map(
  (["first", "last", "local", "current"] as const).map((name) => [name, name]),
);

/** Functions of the grammar's selection, cache and score clauses, which this version does not compile. */
export const laterFunctions: ReadonlySet<string> = new Set([
  "skip", "in_prefix", "lowest",
]); // prettier-ignore

/** Functions of outputs, which masks do not have. */
export const outputFunctions: ReadonlySet<string> = new Set(["merge", "sigmoid"]);

/** Every function that an expression may call. */
export const functionNames: readonly string[] = [...numberFunctions.keys(), ...maskTerms.keys(), "near", "quantile"];

/** Names that no declaration may take: they would hide what every expression relies on. */
export function isReservedValue(name: string): boolean {
  return (variables.has(name) && name !== "b") || constants.has(name) || name === "current";
}

export function isReservedFunction(name: string): boolean {
  return functionNames.includes(name);
}
