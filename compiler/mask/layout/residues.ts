import { maxLength } from "../bounds.js";
import type { BoolExpr, IntExpr, MaskModule } from "../ir.js";
import * as m from "../make.js";
import { simplifyInt } from "../simplify.js";
import { byParts, overPositions } from "./parts.js";
import type { Parts } from "./parts.js";

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
  const token = simplifyInt(m.select(m.lt(m.k, whole), digitsOf(m.k, modulus).position, m.k));
  const layout = {
    name: `residues(${modulus})`,
    tokens: { q: token, k: token },
    mask: byParts(whole, (reordered) => inPlaces(module, modulus, reordered)),
  };
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

/** The mask for queries and keys that are in a reordered period or not, first over the parts of positions, then over places. */
function inPlaces(module: MaskModule, modulus: number, reordered: Parts): BoolExpr {
  const length = maxLength(module);
  return overPositions(module, length, module.mask, (name, standIn) => {
    if (!reordered[name]) return undefined;
    const { period, index, residue } = digitsOf(m.variable(name), modulus);
    return composed(
      standIn(`${name}.period`, period, { low: 0, high: Math.floor(length / (modulus * RUN)) }),
      standIn(`${name}.index`, index, { low: 0, high: RUN - 1 }),
      standIn(`${name}.residue`, residue, { low: 0, high: modulus - 1 }),
      modulus,
    );
  });
}
