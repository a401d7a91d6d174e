import { isOfClusters } from "../mask/clusters.js";
import type { BoolExpr, MaskModule } from "../mask/ir.js";
import * as m from "../mask/make.js";
import { mapBits } from "../mask/map-bits.js";
import type { Selection } from "../mask/selection.js";
import { simplifyBool } from "../mask/simplify.js";
import { some } from "../mask/walk.js";
import * as t from "./expr.js";
import type { TileCond } from "./expr.js";
import { planTiles } from "./plan.js";
import type { TilePlan } from "./plan.js";
import type { KeyBand, KeyRange } from "./ranges.js";

/**
 * One of the walks over keys that serve a tile of queries: all keys of the sequence in its order, or those of a list
 * that the caller or a selection made. The tiles of the latter are *gathered*: neighbours in a tile are neighbours in the
 * list. A *place* is a position in the order that is walked.
 */
export interface KeyWalk {
  /** The pairs that this walk serves: none is served by two. */
  readonly mask: BoolExpr;
  /** The ranges of places. */
  readonly ranges: readonly KeyRange[];
  readonly spans: readonly number[];
  /** Of the rectangle from the first to the last key of a tile. */
  readonly may: TileCond;
  readonly must: TileCond;
  /** See {@link TilePlan.bands}; never of a list. */
  readonly bands?: readonly KeyBand[] | undefined;
  /** The name of the input or selection whose columns are the list; absent where all keys are walked. */
  readonly list?: string | undefined;
}

/**
 * The condition under which a tile needs its mask: it is not full, or reaches past the last key; of a walk over the keys of
 * a `block` past its end, which is `places`.
 */
export function needsMask(walk: KeyWalk, tileK: number, of?: "block"): TileCond {
  const [end, first] = walk.list === undefined && of === undefined ? (["N", "k0"] as const) : (["places", "place"] as const);
  return t.or(t.not(walk.must), t.lt(t.variable(end), t.add(t.variable(first), t.int(tileK))));
}

const walks = new WeakMap<MaskModule, readonly KeyWalk[]>();

/**
 * The walks of a module, worked out once. A mask M that a list c of single keys makes true, and never false, is taken
 * apart by it: what M is without c is walked through, and of the keys of the list what M is with c and not without.
 * So a tile of single columns costs as many keys as it has, wherever they stand.
 */
export function keyWalks(module: MaskModule): readonly KeyWalk[] {
  let known = walks.get(module);
  if (!known) walks.set(module, (known = newWalks(module)));
  return known;
}

function newWalks(module: MaskModule): readonly KeyWalk[] {
  const lists = gatheredLists(module);
  const mask = (module.layout ?? module).mask;
  if (lists.length === 0) return [walkOf(planTiles(module), mask)];
  const without = (at: number, own: boolean): BoolExpr =>
    simplifyBool(mapBits(mask, (bit) => (lists.indexOf(bit.input) < at ? bit : m.bool(own && bit.input === lists[at]))));
  const rest = without(0, false);
  const all = rest.kind === "bool" && !rest.value ? [] : [walkOf(planTiles({ ...module, mask: rest }), rest)];
  return [
    ...all,
    ...lists.map((list, at): KeyWalk => {
      const own = simplifyBool(m.and(without(at, true), m.not(without(at, false))));
      return { ...walkOf(planTiles({ ...module, mask: own }), own), ranges: [], spans: [], bands: undefined, list };
    }),
  ];
}

/** A walk as the analysis of its mask has it. */
export const walkOf = ({ ranges, spans, may, must, bands }: TilePlan, mask: BoolExpr): KeyWalk => ({
  mask,
  ranges,
  spans,
  may,
  must,
  bands,
});

/**
 * The inputs and selections that are lists of single keys, the same for all queries of a call, and whose bits can only
 * add pairs to the mask. Tiles of places of a layout are as they are.
 */
export function gatheredLists(module: MaskModule): readonly string[] {
  if (module.layout !== undefined) return [];
  const columns = module.inputs.flatMap((input) => (input.kind === "columns" ? [input.name] : []));
  const selected = (module.selections ?? []).flatMap((each) =>
    each.kind === "selection" && each.rows === undefined && each.columns.kind === "keys" && hasSingleKeys(each) ? [each.name] : [],
  );
  return [...columns, ...selected].filter((name) => {
    const mentions = (e: BoolExpr): boolean => some(e, (node) => node.kind === "bit" && node.input === name);
    return mentions(module.mask) && onlyAdds(module.mask, mentions, isColumn);
  });
}

/** Whether the columns of its bits are keys one by one. */
const hasSingleKeys = ({ columns, snap }: Selection): boolean => (columns.unit === 1 || isOfClusters(columns)) && !snap;

type Bit = Extract<BoolExpr, { readonly kind: "bit" }>;

/** Whether what is mentioned stands where it can turn the mask from false to true only, in bits that are as they `should` be. */
export function onlyAdds(mask: BoolExpr, mentions: (e: BoolExpr) => boolean, should: (bit: Bit) => boolean): boolean {
  const adds = (e: BoolExpr): boolean => onlyAdds(e, mentions, should);
  switch (mask.kind) {
    case "and":
    case "or":
      return mask.items.every(adds);
    case "choose":
      return !mentions(mask.cond) && adds(mask.a) && adds(mask.b);
    case "bit":
      return !mentions(mask) || should(mask);
    default:
      return !mentions(mask);
  }
}

const isColumn = ({ row, col }: Bit): boolean => isKey(col) && row.kind === "int" && row.value === 0;

const isKey = (e: { readonly kind: string; readonly name?: unknown }): boolean => e.kind === "var" && e.name === "k";
