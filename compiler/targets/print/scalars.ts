import type { TileCond, TileExpr } from "../../tiles/expr.js";
import { children } from "../../tiles/walk.js";
import type { Dialect } from "./dialect.js";
import { binary, comparison, intLiteral } from "./expressions.js";
import { scalarWord, uniformName } from "./names.js";

type Node = TileExpr | TileCond;

/** A value that is computed once and then goes by its name. */
export interface SharedValue {
  readonly name: string;
  readonly type: "int" | "bool";
  readonly text: string;
}

/**
 * Prints tile expressions as values of two scopes: what depends on the key tile goes inside its
 * loop, the rest before it. A node used more than once is computed once.
 */
export class ScalarPrinter {
  /** What is to be computed before the loop over key tiles, and inside of it, in this order. */
  readonly outer: SharedValue[] = [];
  readonly inner: SharedValue[] = [];
  private readonly names = new Map<Node, string>();
  private readonly uses = new Map<Node, number>();
  private readonly perTile = new Map<Node, boolean>();
  private count = 0;

  /** `roots` are all expressions that will be printed: their uses are counted first. */
  constructor(
    private readonly dialect: Dialect,
    roots: readonly Node[],
  ) {
    for (const root of roots) this.countUses(root);
  }

  print(node: Node): string {
    const known = this.names.get(node);
    if (known !== undefined) return known;
    const text = this.text(node);
    if (isLeaf(node) || (this.uses.get(node) ?? 0) < 2) return text;
    const name = `t${this.count++}`;
    (this.dependsOnKeys(node) ? this.inner : this.outer).push({ name, type: typeOf(node), text });
    this.names.set(node, name);
    return name;
  }

  /** Forgets what was computed for a key tile: its names are not seen where the next is printed. */
  leaveKeyTile(): void {
    for (const node of this.names.keys()) if (this.dependsOnKeys(node)) this.names.delete(node);
  }

  private countUses(node: Node): void {
    const uses = (this.uses.get(node) ?? 0) + 1;
    this.uses.set(node, uses);
    if (uses === 1) for (const child of children(node)) this.countUses(child);
  }

  private dependsOnKeys(node: Node): boolean {
    let depends = this.perTile.get(node);
    if (depends === undefined) {
      depends = (node.kind === "var" && keyVariables.has(node.name)) || children(node).some((c) => this.dependsOnKeys(c));
      this.perTile.set(node, depends);
    }
    return depends;
  }

  private text(node: Node): string {
    const p = (n: Node): string => this.print(n);
    switch (node.kind) {
      case "int":
        return intLiteral(node.value);
      case "bool":
        return String(node.value);
      case "var":
        return tileVariables.has(node.name) ? node.name : `u.${uniformName(node.name)}`;
      case "param":
        return `u.${uniformName(node.name, "param")}`;
      case "scalar":
        return scalarWord(node.slot);
      case "neg":
        return `-(${p(node.a)})`;
      case "select":
        return this.dialect.select(p(node.cond), p(node.a), p(node.b));
      case "idMin":
      case "idMax":
        return `${node.kind === "idMin" ? "min" : "max"}_id_${node.input}(b, ${node.byHead === true ? "h, " : ""}${p(node.lo)}, ${p(node.hi)})`;
      case "lt":
      case "le":
      case "eq":
      case "ne":
        return `(${p(node.a)} ${comparison[node.kind]} ${p(node.b)})`;
      case "and":
        return `(${p(node.a)} && ${p(node.b)})`;
      case "or":
        return `(${p(node.a)} || ${p(node.b)})`;
      case "not":
        return `!(${p(node.a)})`;
      case "pow2In":
        return `pow2_in(${p(node.lo)}, ${p(node.hi)})`;
      case "anyBit":
      case "allBits": {
        const name = node.kind === "anyBit" ? "any" : "all";
        return `${name}_${node.input}(b, h, ${p(node.row0)}, ${p(node.row1)}, ${p(node.col0)}, ${p(node.col1)})`;
      }
      default:
        return binary(node.kind, p(node.a), p(node.b), node.b.kind === "int" ? node.b.value : undefined);
    }
  }
}

const keyVariables: ReadonlySet<string> = new Set(["k0", "k1", "place"]);
const tileVariables: ReadonlySet<string> = new Set(["q0", "q1", ...keyVariables, "places", "h", "kvh", "b"]);

const conditions: ReadonlySet<Node["kind"]> = new Set(["bool", "lt", "le", "eq", "ne", "and", "or", "not", "pow2In", "anyBit", "allBits"]);

const typeOf = (node: Node): SharedValue["type"] => (conditions.has(node.kind) ? "bool" : "int");

function isLeaf(node: Node): boolean {
  return node.kind === "int" || node.kind === "bool" || node.kind === "var" || node.kind === "param";
}
