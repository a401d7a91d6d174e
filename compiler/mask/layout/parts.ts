import { boundsContext } from "../bounds.js";
import type { Bounds, BoundsContext } from "../bounds.js";
import type { BoolExpr, IntExpr, MaskModule } from "../ir.js";
import * as m from "../make.js";
import { simplifyBool } from "../simplify.js";
import { keyOf, mapLeaves } from "../walk.js";
import { Digits } from "./digits.js";

/** Whether queries and keys are in the part of the places that is in another order, or behind it. */
export interface Parts {
  readonly q: boolean;
  readonly k: boolean;
}

/** A mask over places of which those below `end` are in another order: by cases, where they differ. */
export function byParts(end: IntExpr, mask: (reordered: Parts) => BoolExpr): BoolExpr {
  const cases = (name: "q" | "k", inside: BoolExpr, behind: BoolExpr): BoolExpr => {
    if (keyOf(inside) === keyOf(behind)) return inside;
    return m.or(m.and(m.lt(m.variable(name), end), inside), m.and(m.le(end, m.variable(name)), behind));
  };
  const keys = (q: boolean): BoolExpr => simplifyBool(cases("k", simplifyBool(mask({ q, k: true })), simplifyBool(mask({ q, k: false }))));
  return simplifyBool(cases("q", keys(true), keys(false)));
}

/** Gives what stands for an expression of known bounds. No name of a program has a point in it, as these must have. */
export type StandIn = (name: string, expr: IntExpr, bounds: Bounds) => IntExpr;

/**
 * A mask whose queries and keys are at positions that are composed of others' parts. The parts are variables of their
 * own while the coordinates are found again in the mask, and become what they stand for at the end.
 */
export function overPositions(
  module: MaskModule,
  length: number,
  mask: BoolExpr,
  positionOf: (name: "q" | "k", standIn: StandIn) => IntExpr | undefined,
): BoolExpr {
  const stands = new Map<string, { readonly expr: IntExpr; readonly bounds: Bounds }>();
  const standIn: StandIn = (name, expr, bounds) => {
    stands.set(name, { expr, bounds });
    return m.param(name);
  };
  const positions = { q: positionOf("q", standIn), k: positionOf("k", standIn) };
  const context = boundsContext(module, length);
  const bounds: BoundsContext = { ...context, param: (name) => stands.get(name)?.bounds ?? context.param(name) };
  const found = new Digits(positions, bounds).bool(mask);
  return mapLeaves(found, (leaf) => (leaf.kind === "param" ? (stands.get(leaf.name)?.expr ?? leaf) : leaf));
}
