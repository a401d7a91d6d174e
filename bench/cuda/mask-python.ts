import { pythonName } from "../../compiler/bindings/torch/names.js";
import type { BoolExpr, IntExpr } from "../../compiler/mask/ir.js";
import type { MaskEnv } from "../../compiler/mask/evaluate.js";

/**
 * A mask as an expression of Python over arrays of positions `q` and `k`, for one head `h`, `kvh` of a batch entry: what a
 * call fixes is in it as numbers. selected.py has the functions that it calls.
 */
export function pythonMask(mask: BoolExpr, env: MaskEnv): string {
  const int = (e: IntExpr): string => {
    switch (e.kind) {
      case "int":
        return String(e.value);
      case "var":
        return positions.has(e.name) ? e.name : String(variable(e.name, env));
      case "param":
        return String(env.params![e.name]);
      case "scalar":
        return `scalars[${e.slot}]`;
      case "neg":
        return `-(${int(e.a)})`;
      case "abs":
        return `abs(${int(e.a)})`;
      case "select":
        return `where(${bool(e.cond)}, ${int(e.a)}, ${int(e.b)})`;
      case "min":
      case "max":
        return `${e.kind === "min" ? "lesser" : "greater"}(${int(e.a)}, ${int(e.b)})`;
      case "load":
        throw new Error("ids beside selections are not verified here");
      default:
        return `(${int(e.a)} ${operators[e.kind]} ${int(e.b)})`;
    }
  };
  const bool = (e: BoolExpr): string => {
    switch (e.kind) {
      case "bool":
        return e.value ? "True" : "False";
      case "compare":
        return `(${int(e.a)} ${comparisons[e.op]} ${int(e.b)})`;
      case "and":
      case "or":
        return `(${e.items.map(bool).join(e.kind === "and" ? " & " : " | ")})`;
      case "not":
        return `negated(${bool(e.a)})`;
      case "choose":
        return `where(${bool(e.cond)}, ${bool(e.a)}, ${bool(e.b)})`;
      case "pow2":
        return `is_power(${int(e.a)})`;
      case "bit":
        return `bit("${pythonName(e.input)}", ${int(e.row)}, ${int(e.col)})`;
    }
  };
  return bool(mask);
}

const operators = { add: "+", sub: "-", mul: "*", div: "//", mod: "%" } as const;
const comparisons = { lt: "<", le: "<=", eq: "==", ne: "!=" } as const;
const positions: ReadonlySet<string> = new Set(["q", "k", "h", "kvh"]);

function variable(name: string, env: MaskEnv): number {
  const value = (env as unknown as Readonly<Record<string, unknown>>)[name];
  if (typeof value !== "number") throw new Error(`a mask with the variable ${name} in a call without it`);
  return value;
}
