import { boundsContext, maxLength } from "../bounds.js";
import type { Bounds, BoundsContext } from "../bounds.js";
import type { BoolExpr, IntExpr, MaskModule } from "../ir.js";
import * as m from "../make.js";
import { simplifyBool, simplifyInt } from "../simplify.js";
import { keyOf, mapLeaves } from "../walk.js";
import { Digits } from "./digits.js";

/** Tokens of one residue class that stand side by side: a multiple of the tiles that kernels have. */
const RUN = 64;

/**
 * A sequence with the tokens of a residue class side by side, for masks that look at `q - k` divisible by
 * `modulus`. It is cut into periods of `64 * modulus` tokens, each of which is reordered: the 64 tokens
 * with residue 0 first, then those with 1, and so on. What is left over at the end keeps its places.
 */
export function byResidues(module: MaskModule, modulus: number): MaskModule {
  const period = modulus * RUN;
  const whole = m.mul(m.div(m.variable("N"), m.int(period)), m.int(period));
  const token = m.select(m.lt(m.k, whole), digitsOf(m.k, modulus).position, m.k);
  const layout = { name: `residues(${modulus})`, token: simplifyInt(token), mask: maskOverPlaces(module, modulus, whole) };
  return { ...module, layout };
}

/** What a position in a reordered period is made of, as expressions over its place. */
interface Placed {
  readonly period: IntExpr;
  readonly index: IntExpr;
  readonly residue: IntExpr;
  readonly position: IntExpr;
}

function digitsOf(place: IntExpr, modulus: number): Placed {
  const tokens = m.int(modulus * RUN);
  const period = m.div(place, tokens);
  const index = m.mod(place, m.int(RUN));
  const residue = m.div(m.mod(place, tokens), m.int(RUN));
  return { period, index, residue, position: composed(period, index, residue, modulus) };
}

const composed = (period: IntExpr, index: IntExpr, residue: IntExpr, modulus: number): IntExpr =>
  m.add(m.add(m.mul(period, m.int(modulus * RUN)), m.mul(index, m.int(modulus))), residue);

/** Queries and keys are each in a reordered period or behind the last one. */
function maskOverPlaces(module: MaskModule, modulus: number, whole: IntExpr): BoolExpr {
  const cases = (name: "q" | "k", inside: BoolExpr, behind: BoolExpr): BoolExpr => {
    if (keyOf(inside) === keyOf(behind)) return inside;
    return m.or(m.and(m.lt(m.variable(name), whole), inside), m.and(m.le(whole, m.variable(name)), behind));
  };
  const mask = (q: boolean, k: boolean): BoolExpr => simplifyBool(inPlaces(module, modulus, { q, k }));
  const keys = (q: boolean): BoolExpr => cases("k", mask(q, true), mask(q, false));
  return simplifyBool(cases("q", keys(true), keys(false)));
}

/** The mask for queries and keys that are reordered or not, first over the parts of positions, then over places. */
function inPlaces(module: MaskModule, modulus: number, reordered: { readonly q: boolean; readonly k: boolean }): BoolExpr {
  const length = maxLength(module);
  const stands = new Map<string, { readonly expr: IntExpr; readonly bounds: Bounds }>();
  const standIn = (name: string, expr: IntExpr, high: number): IntExpr => {
    stands.set(name, { expr, bounds: { low: 0, high } });
    return m.param(name);
  };
  // No name of a program has a point in it.
  const positionOf = (name: "q" | "k"): IntExpr | undefined => {
    if (!reordered[name]) return undefined;
    const { period, index, residue } = digitsOf(m.variable(name), modulus);
    return composed(
      standIn(`${name}.period`, period, Math.floor(length / (modulus * RUN))),
      standIn(`${name}.index`, index, RUN - 1),
      standIn(`${name}.residue`, residue, modulus - 1),
      modulus,
    );
  };
  const context = boundsContext(module, length);
  const bounds: BoundsContext = { ...context, param: (name) => stands.get(name)?.bounds ?? context.param(name) };
  const digits = new Digits({ q: positionOf("q"), k: positionOf("k") }, bounds);
  return mapLeaves(digits.bool(module.mask), (leaf) => (leaf.kind === "param" ? (stands.get(leaf.name)?.expr ?? leaf) : leaf));
}
