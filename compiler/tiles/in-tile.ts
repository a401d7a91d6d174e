import type { BoolExpr, IntExpr, MaskModule } from "../mask/ir.js";
import * as m from "../mask/make.js";
import { simplifyBool, simplifyInt } from "../mask/simplify.js";
import { keyOf, mapChildren, mapLeaves, some, walk } from "../mask/walk.js";
import { factsOf } from "./intervals.js";
import type { KeyBand } from "./ranges.js";
import { solve } from "./solve.js";

/** More bands cost about as much as the mask. */
const MOST_BANDS = 4;

/** Stands for the first key of a tile while a mask is solved for its keys; positions are as small as parameters. */
const FIRST = "the first key of the tile";
const first = m.param(FIRST);

/** A mask as bands inside of a tile: `k` is the first key of the tile, in the ends and in `where`. */
export interface TileBands {
  readonly bands: readonly KeyBand[];
  /** The tiles whose mask these are; absent where they are that of all tiles. The same for all queries. */
  readonly where?: BoolExpr | undefined;
}

const known = new WeakMap<BoolExpr, Map<number, TileBands | undefined>>();

/**
 * The mask inside of any aligned tile of `tileK` keys as a union of bands, where it is one, or inside of those tiles for
 * which one comparison of their place decides that it is. Inside of a tile a block of keys is always the same one, and a
 * remainder rises by one from key to key, where their sizes are multiples of the tile's: so blocks, strides over blocks
 * and layouts are bands there that are none over the whole sequence.
 */
export function bandsInTile(module: MaskModule, mask: BoolExpr, tileK: number): TileBands | undefined {
  const ofMask = known.get(mask) ?? new Map<number, TileBands | undefined>();
  known.set(mask, ofMask);
  if (!ofMask.has(tileK)) ofMask.set(tileK, newBands(module, inside(mask, tileK)));
  return ofMask.get(tileK);
}

function newBands(module: MaskModule, mask: BoolExpr): TileBands | undefined {
  const bands = solvedBands(module, mask);
  if (bands !== undefined) return { bands };
  for (const where of tileConditions(mask)) {
    const there = solvedBands(module, simplifyBool(assuming(mask, where)));
    if (there !== undefined) return { bands: there, where: overKeys(where) };
  }
  return undefined;
}

function solvedBands(module: MaskModule, mask: BoolExpr): readonly KeyBand[] | undefined {
  const { fits, length } = factsOf(module);
  const { bands, exact } = solve(mask, { name: "k", length: length.k, relax: false, anyRow: true });
  if (!exact || bands.length === 0 || bands.length > MOST_BANDS) return undefined;
  if (bands.some(({ lo, hi }) => (lo && !fits(lo)) || (hi && !fits(hi)))) return undefined;
  return bands.map(({ lo, hi }) => ({ lo: simplifyInt(overKeys(lo ?? m.int(0))), hi: simplifyInt(overKeys(hi ?? m.variable("N"))) }));
}

const overKey = (leaf: IntExpr): IntExpr => (leaf.kind === "param" && leaf.name === FIRST ? m.k : leaf);

/** With `k` for the first key of the tile. */
function overKeys(e: IntExpr): IntExpr;
function overKeys(e: BoolExpr): BoolExpr;
function overKeys(e: IntExpr | BoolExpr): IntExpr | BoolExpr {
  return mapLeaves(e as BoolExpr, overKey);
}

/** The comparisons of a tile's place that a mask is made of, and their opposites. */
function tileConditions(mask: BoolExpr): readonly BoolExpr[] {
  const found = new Map<string, BoolExpr>();
  walk(mask, (node) => {
    if (node.kind !== "compare" || !some(node, (leaf) => leaf.kind === "param" && leaf.name === FIRST)) return;
    if (some(node, (leaf) => leaf.kind === "var" && leaf.name !== "N" && leaf.name !== "NQ")) return;
    for (const cond of [node, opposite(node)]) found.set(keyOf(cond), cond);
  });
  return [...found.values()];
}

const opposite = (cond: BoolExpr): BoolExpr => simplifyBool(m.not(cond));

/** The mask where a comparison holds. */
function assuming(mask: BoolExpr, holds: BoolExpr): BoolExpr {
  const [yes, no] = [keyOf(holds), keyOf(opposite(holds))];
  const int = (e: IntExpr): IntExpr => mapChildren(e, int, bool);
  const bool = (e: BoolExpr): BoolExpr => {
    if (e.kind !== "compare") return mapChildren(e, int, bool);
    const key = keyOf(e);
    return key === yes ? m.bool(true) : key === no ? m.bool(false) : mapChildren(e, int, bool);
  };
  return bool(mask);
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
