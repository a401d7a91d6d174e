import type { IntExpr } from "../ir.js";
import * as m from "../make.js";
import { simplifyInt } from "../simplify.js";
import type { Order } from "./order.js";

/** Bits of a place, from the lowest, that are bits of one coordinate. */
interface Digit {
  readonly axis: number;
  /** Of the place, and of the coordinate. */
  readonly from: number;
  readonly to: number;
}

/**
 * The Z-order curve of Morton (1966): places are sorted by the interleaved bits of their coordinates, of each
 * level the outermost axis first. Extents are powers of two, and need not be equal: a longer axis has the highest bits alone.
 */
export function mortonOrder(extents: readonly number[]): Order {
  const digits = interleaved(extents.map(Math.log2));
  return {
    name: "curve(morton)",
    coordinates: (place) => extents.map((_, axis) => simplifyInt(coordinate(digits, axis, place))),
  };
}

function interleaved(bits: readonly number[]): readonly Digit[] {
  const digits: Digit[] = [];
  for (let level = 0; level < Math.max(...bits); level++) {
    for (let axis = bits.length - 1; axis >= 0; axis--) if (level < bits[axis]!) digits.push({ axis, from: digits.length, to: level });
  }
  return digits;
}

/** Neighbouring bits of a place that are neighbours in the coordinate too are taken together. */
function coordinate(digits: readonly Digit[], axis: number, place: IntExpr): IntExpr {
  const own = digits.filter((digit) => digit.axis === axis);
  const runs: { first: Digit; length: number }[] = [];
  for (const digit of own) {
    const run = runs[runs.length - 1];
    if (run && run.first.from + run.length === digit.from) run.length++;
    else runs.push({ first: digit, length: 1 });
  }
  return runs
    .map(({ first, length }) => {
      const shifted = m.div(place, m.int(2 ** first.from));
      const isTop = first.from + length === digits.length;
      return m.mul(isTop ? shifted : m.mod(shifted, m.int(2 ** length)), m.int(2 ** first.to));
    })
    .reverse()
    .reduce<IntExpr>((sum, term) => m.add(sum, term), m.int(0));
}
