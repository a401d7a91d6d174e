import type { TileCond, TileExpr } from "./expr.js";
import type { TilePlan } from "./plan.js";

const infix = { add: "+", sub: "-", mul: "*", div: "/", mod: "%", lt: "<", le: "<=", eq: "==", ne: "!=", and: "&", or: "|" } as const;

/** A tile expression as text, in the notation of the language. */
export function printTile(e: TileExpr | TileCond): string {
  switch (e.kind) {
    case "int":
    case "bool":
      return String(e.value);
    case "var":
    case "param":
      return e.name;
    case "scalar":
      return `scalar${e.slot}[h]`;
    case "neg":
      return `-${printTile(e.a)}`;
    case "not":
      return `!${printTile(e.a)}`;
    case "select":
      return `(${printTile(e.a)} if ${printTile(e.cond)} else ${printTile(e.b)})`;
    case "min":
    case "max":
      return `${e.kind}(${printTile(e.a)}, ${printTile(e.b)})`;
    case "idMin":
    case "idMax":
      return `${e.kind === "idMin" ? "min" : "max"}(${e.input}[${printTile(e.lo)}..${printTile(e.hi)}])`;
    case "pow2In":
      return `pow2_in(${printTile(e.lo)}..${printTile(e.hi)})`;
    case "anyBit":
    case "allBits": {
      const place = `${printTile(e.row0)}..${printTile(e.row1)}, ${printTile(e.col0)}..${printTile(e.col1)}`;
      return `${e.kind === "anyBit" ? "any" : "all"}(${e.input}[${place}])`;
    }
    default:
      return `(${printTile(e.a)} ${infix[e.kind]} ${printTile(e.b)})`;
  }
}

/** A tile plan as text: `--emit tiles`. `q0..q1` and `k0..k1` are the tile, both ends inclusive. */
export function printPlan(plan: TilePlan): string {
  return [
    `form ${plan.form}`,
    ...plan.ranges.map((range, i) => `range ${i}: keys ${printTile(range.lo)} .. ${printTile(range.hi)} (end excluded)`),
    `empty unless ${printTile(plan.may)}`,
    `full if ${printTile(plan.must)}`,
    "",
  ].join("\n");
}
