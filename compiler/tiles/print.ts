import type { TileCond, TileExpr } from "./expr.js";
import type { TilePlan } from "./plan.js";
import { children } from "./walk.js";

type Node = TileExpr | TileCond;

const infix = { add: "+", sub: "-", mul: "*", div: "/", mod: "%", lt: "<", le: "<=", eq: "==", ne: "!=", and: "&", or: "|" } as const;

/** Shorter texts are repeated where they stand again; longer ones get a name. */
const LEAST_NAMED = 12;

/** Prints tile expressions in the notation of the language. What stands in several places gets a name, and a line of its own. */
export class TilePrinter {
  /** `t0 = …`, in an order in which each mentions only those before it. */
  readonly definitions: string[] = [];
  private readonly uses = new Map<Node, number>();
  private readonly texts = new Map<Node, string>();

  /** `roots` are all expressions that will be printed. */
  constructor(roots: readonly Node[]) {
    for (const root of roots) this.countUses(root);
  }

  print(node: Node): string {
    let text = this.texts.get(node);
    if (text === undefined) {
      text = this.text(node);
      if (this.uses.get(node)! > 1 && text.length >= LEAST_NAMED) {
        const name = `t${this.definitions.length}`;
        this.definitions.push(`${name} = ${text}`);
        text = name;
      }
      this.texts.set(node, text);
    }
    return text;
  }

  private countUses(node: Node): void {
    const uses = (this.uses.get(node) ?? 0) + 1;
    this.uses.set(node, uses);
    if (uses === 1) for (const child of children(node)) this.countUses(child);
  }

  private text(e: Node): string {
    const p = (node: Node): string => this.print(node);
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
        return `-${p(e.a)}`;
      case "not":
        return `!${p(e.a)}`;
      case "select":
        return `(${p(e.a)} if ${p(e.cond)} else ${p(e.b)})`;
      case "min":
      case "max":
        return `${e.kind}(${p(e.a)}, ${p(e.b)})`;
      case "idMin":
      case "idMax":
        return `${e.kind === "idMin" ? "min" : "max"}(${e.input}[${p(e.lo)}..${p(e.hi)}])`;
      case "pow2In":
        return `pow2_in(${p(e.lo)}..${p(e.hi)})`;
      case "anyBit":
      case "allBits":
        return `${e.kind === "anyBit" ? "any" : "all"}(${e.input}[${p(e.row0)}..${p(e.row1)}, ${p(e.col0)}..${p(e.col1)}])`;
      default:
        return `(${p(e.a)} ${infix[e.kind]} ${p(e.b)})`;
    }
  }
}

/** A tile plan as text: `--emit tiles`. `q0..q1` and `k0..k1` are the tile, both ends inclusive. */
export function printPlan(plan: TilePlan): string {
  const printer = new TilePrinter([...plan.ranges.flatMap((range) => [range.lo, range.hi]), plan.may, plan.must]);
  const ranges = plan.ranges.map((range, i) => `range ${i}: keys ${printer.print(range.lo)} .. ${printer.print(range.hi)} (end excluded)`);
  const blocks = plan.spans.map((span) => `${span}`).reverse();
  const spans = blocks.length === 0 ? [] : [`asked first about blocks of ${blocks.join(" and ")} key tiles`];
  const classes = [`empty unless ${printer.print(plan.may)}`, `full if ${printer.print(plan.must)}`];
  return [`form ${plan.form}`, ...printer.definitions, ...ranges, ...spans, ...classes, ""].join("\n");
}
