import type { BoolExpr, IntExpr, MaskModule } from "../mask/ir.js";
import * as m from "../mask/make.js";
import { simplifyInt } from "../mask/simplify.js";
import { mapChildren, mapLeaves } from "../mask/walk.js";
import { factsOf } from "./intervals.js";
import type { KeyBand } from "./ranges.js";
import { solve } from "./solve.js";

/** More bands cost about as much as the mask. */
const MOST_BANDS = 4;

/** Stands for the first key of a tile while a mask is solved for its keys; positions are as small as parameters. */
const FIRST = "the first key of the tile";
const first = m.param(FIRST);

const known = new WeakMap<BoolExpr, Map<number, readonly KeyBand[] | undefined>>();

/**
 * The mask inside of any aligned tile of `tileK` keys as a union of bands, where it is one: `k` in their ends is the first
 * key of the tile. Inside of a tile a block of keys is always the same one, and a remainder rises by one from key to key,
 * where their sizes are multiples of the tile's: so blocks, strides over blocks and layouts are bands there that are none
 * over the whole sequence.
 */
export function bandsInTile(module: MaskModule, mask: BoolExpr, tileK: number): readonly KeyBand[] | undefined {
  const ofMask = known.get(mask) ?? new Map<number, readonly KeyBand[] | undefined>();
  known.set(mask, ofMask);
  if (!ofMask.has(tileK)) ofMask.set(tileK, newBands(module, mask, tileK));
  return ofMask.get(tileK);
}

function newBands(module: MaskModule, mask: BoolExpr, tileK: number): readonly KeyBand[] | undefined {
  const { fits, length } = factsOf(module);
  const { bands, exact } = solve(inside(mask, tileK), { name: "k", length: length.k, relax: false, anyRow: true });
  if (!exact || bands.length === 0 || bands.length > MOST_BANDS) return undefined;
  if (bands.some(({ lo, hi }) => (lo && !fits(lo)) || (hi && !fits(hi)))) return undefined;
  const end = (e: IntExpr): IntExpr => simplifyInt(mapLeaves(e, (leaf) => (leaf.kind === "param" && leaf.name === FIRST ? m.k : leaf)));
  return bands.map(({ lo, hi }) => ({ lo: end(lo ?? m.int(0)), hi: end(hi ?? m.variable("N")) }));
}

/** The mask with everything that is the same for all keys of a tile written over its first key. */
function inside(mask: BoolExpr, tileK: number): BoolExpr {
  const multiple = (e: IntExpr): boolean =>
    (e.kind === "int" && e.value % tileK === 0) || (e.kind === "mul" && (multiple(e.a) || multiple(e.b)));
  /** Starts at a multiple of a tile's size where the tile does, and rises by one from key to key. */
  const rises = (e: IntExpr): boolean =>
    (e.kind === "var" && e.name === "k") ||
    (e.kind === "mod" && rises(e.a) && multiple(e.b)) ||
    ((e.kind === "add" || e.kind === "sub") && rises(e.a) && multiple(e.b));
  const atFirst = (e: IntExpr): IntExpr => mapLeaves(e, (leaf) => (leaf.kind === "var" && leaf.name === "k" ? first : leaf));
  const int = (e: IntExpr): IntExpr => {
    if (e.kind === "div" && rises(e.a) && multiple(e.b)) return atFirst(e);
    if (e.kind === "mod" && rises(e)) return m.add(m.k, m.sub(atFirst(e), first));
    return mapChildren(e, int, bool);
  };
  const bool = (e: BoolExpr): BoolExpr => {
    // Tiles lie on one side of a multiple of their size.
    const ofTile =
      e.kind === "compare" && ((e.op === "lt" && rises(e.a) && multiple(e.b)) || (e.op === "le" && multiple(e.a) && rises(e.b)));
    return ofTile ? { ...e, a: atFirst(e.a), b: atFirst(e.b) } : mapChildren(e, int, bool);
  };
  return bool(mask);
}
