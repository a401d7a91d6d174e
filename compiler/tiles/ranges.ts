import type { IntExpr, MaskModule } from "../mask/ir.js";
import * as m from "../mask/make.js";
import { simplifyInt } from "../mask/simplify.js";
import { factsOf, interval, wholeTile } from "./intervals.js";
import * as t from "./expr.js";
import type { TileExpr } from "./expr.js";
import { solve } from "./solve.js";

/** For a tile of queries, the keys `[lo, hi)`; not yet clamped to the sequence. */
export interface KeyRange {
  readonly lo: TileExpr;
  readonly hi: TileExpr;
}

/**
 * For one query at position (or place) `q`, the keys `[lo, hi)`; not yet clamped to the sequence. Where a mask is bands
 * inside of tiles only, `k` is the first key of the tile.
 */
export interface KeyBand {
  readonly lo: IntExpr;
  readonly hi: IntExpr;
}

/** The ranges of a tile of queries, and whether keys in them are left out for other reasons than a tile's own width. */
export interface KeyRanges {
  readonly ranges: readonly KeyRange[];
  /** Row by row, the ranges hold the keys that the mask looks at and no others. */
  readonly exact: boolean;
  /** What the ranges were made of, row by row. */
  readonly bands: readonly KeyBand[];
}

/**
 * A short union of key ranges that holds every key a tile of queries may see. The mask is solved for
 * `k`, query by query; what does not solve leaves its part of the range open. The ranges may overlap.
 */
export function keyRanges(module: MaskModule): KeyRanges {
  const { fits, length } = factsOf(module);
  // An end may leave 32 bits where the mask it was solved from does not: it stays open then.
  const { bands, exact } = solve(module.mask, { name: "k", length: length.k, relax: true });
  const safe = bands.map((band) => ({
    lo: band.lo && fits(band.lo) ? band.lo : undefined,
    hi: band.hi && fits(band.hi) ? band.hi : undefined,
  }));
  const ranges = safe.map((band) => ({
    lo: band.lo ? interval(band.lo, wholeTile).lo : t.int(0),
    hi: band.hi ? interval(band.hi, wholeTile).hi : t.variable("N"),
  }));
  const kept = safe.every((band, i) => band.lo === bands[i]!.lo && band.hi === bands[i]!.hi);
  const rows = safe.map(({ lo, hi }): KeyBand => ({ lo: simplifyInt(lo ?? m.int(0)), hi: simplifyInt(hi ?? m.variable("N")) }));
  return { ranges, exact: exact && kept, bands: rows };
}
