import type { BoolExpr } from "../../mask/ir.js";
import { children, keyOf } from "../../mask/walk.js";
import type { MaskNode } from "../../mask/walk.js";

/** A part of a mask that is worth computing apart, with the name it goes by. */
export interface OneSided {
  readonly name: string;
  readonly type: "int" | "bool";
  readonly node: MaskNode;
}

/** The parts of a mask that depend on the query alone, on the key alone, and on neither: each as large as can be. */
export interface Sides {
  readonly query: readonly OneSided[];
  readonly key: readonly OneSided[];
  readonly neither: readonly OneSided[];
  /** The names of all of them, for a printer of the mask. */
  readonly named: ReadonlyMap<MaskNode, string>;
  /** How much is computed for a query, and for a key. */
  readonly cost: { readonly query: number; readonly key: number };
}

const QUERY = 1;
const KEY = 2;

/** A part that costs less is written out again: a sum or a comparison. */
const LEAST_COST = 2;

/** Takes a mask apart, so that what depends on one side is computed once for all pairs of a query, or of a key. */
export function oneSidedParts(mask: BoolExpr): Sides {
  const groups: [number, string, OneSided[]][] = [
    [0, "fixed", []],
    [QUERY, "of_q", []],
    [KEY, "of_k", []],
  ];
  const names = new Map<string, string>();
  const named = new Map<MaskNode, string>();
  const cost = { query: 0, key: 0 };
  const visit = (node: MaskNode): void => {
    const sides = sidesOf(node);
    const own = costOf(node);
    const group = groups.find(([side]) => side === sides);
    if (group === undefined || own < LEAST_COST) return children(node).forEach(visit);
    const [, prefix, list] = group;
    const key = keyOf(node);
    let name = names.get(key);
    if (name === undefined) {
      names.set(key, (name = `${prefix}_${list.length}`));
      list.push({ name, type: isCondition(node) ? "bool" : "int", node });
      if (sides === QUERY) cost.query += own;
      if (sides === KEY) cost.key += own;
    }
    named.set(node, name);
  };
  visit(mask);
  return { neither: groups[0]![2], query: groups[1]![2], key: groups[2]![2], named, cost };
}

/** Whether a node is a condition and no integer. */
export function isCondition(node: MaskNode): node is BoolExpr {
  return conditions.has(node.kind);
}

const conditions: ReadonlySet<MaskNode["kind"]> = new Set<MaskNode["kind"]>([
  "bool",
  "compare",
  "and",
  "or",
  "not",
  "choose",
  "pow2",
  "bit",
]);

function sidesOf(node: MaskNode): number {
  if (node.kind === "var") return node.name === "q" ? QUERY : node.name === "k" ? KEY : 0;
  return children(node).reduce((sides, child) => sides | sidesOf(child), 0);
}

/** Operations, those that read memory or divide counted as several. */
function costOf(node: MaskNode): number {
  const below = children(node);
  const own = below.length === 0 ? (node.kind === "scalar" ? 2 : 0) : (heavy[node.kind] ?? 1);
  return below.reduce((sum, child) => sum + costOf(child), own);
}

const heavy: Readonly<Partial<Record<MaskNode["kind"], number>>> = { load: 4, bit: 4, div: 3, mod: 3, pow2: 2 };
