import { isOfClusters } from "../mask/clusters.js";
import type { BoolExpr, MaskModule } from "../mask/ir.js";
import * as m from "../mask/make.js";
import { mapBits } from "../mask/map-bits.js";
import { bitOfPair } from "../mask/selection-bits.js";
import type { Selection } from "../mask/selection.js";
import { simplifyBool } from "../mask/simplify.js";
import { keyOf, some } from "../mask/walk.js";
import { planTiles } from "./plan.js";
import { onlyAdds, walkOf } from "./walks.js";
import type { KeyWalk } from "./walks.js";

/**
 * How a mask is served key block by key block: each query of the call has chosen blocks of keys of its own, and of a
 * block's keys a tile serves the queries that chose it, side by side wherever they stand.
 */
export interface KeyOrder {
  /** The selection whose bits `[query, block]` say who chose what. */
  readonly selection: string;
  /** Keys of a block. */
  readonly unit: number;
  /**
   * The pairs of a query and a key of a block that it chose, as far as they are in the mask and not in `rest`. That the
   * block was chosen is taken for granted, so that its bits are not asked.
   */
  readonly chosen: KeyWalk;
  /** What the mask is without the selection, served query by query; absent where that is nothing. */
  readonly rest?: MaskModule | undefined;
  /** The pairs of a chosen block do not depend on the head: a tile may have rows of several heads that share a list. */
  readonly grouped: boolean;
}

const orders = new WeakMap<MaskModule, KeyOrder | undefined>();

/**
 * The key order of a module, worked out once; undefined where no selection of key blocks by each query turns pairs of its
 * mask on and none off, or more than one does. A mask M with the bits b is what it is without them, and of the pairs of b
 * what M is with b and not without: no pair is served twice.
 */
export function keyOrder(module: MaskModule): KeyOrder | undefined {
  if (!orders.has(module)) orders.set(module, newOrder(module));
  return orders.get(module);
}

function newOrder(module: MaskModule): KeyOrder | undefined {
  if (module.layout !== undefined) return undefined;
  const mentions = (e: BoolExpr, name: string): boolean => some(e, (node) => node.kind === "bit" && node.input === name);
  const perQuery = (module.selections ?? []).filter(
    (each): each is Selection => each.kind === "selection" && each.rows?.unit === 1 && mentions(module.mask, each.name),
  );
  const [selection, ...others] = perQuery;
  if (selection === undefined || others.length > 0 || !choosesBlocks(selection)) return undefined;
  const { name } = selection;
  const pair = keyOf(simplifyBool(bitOfPair(selection, module.space)));
  if (
    !onlyAdds(
      module.mask,
      (e) => mentions(e, name),
      (bit) => keyOf(simplifyBool(bit)) === pair,
    )
  )
    return undefined;
  const when = (value: boolean): BoolExpr => simplifyBool(mapBits(module.mask, (bit) => (bit.input === name ? m.bool(value) : bit)));
  const rest = when(false);
  const own = simplifyBool(m.and(when(true), m.not(rest)));
  if (own.kind === "bool" && !own.value) return undefined;
  return {
    selection: name,
    unit: selection.columns.unit,
    chosen: { ...walkOf(planTiles({ ...module, mask: own }), own), ranges: [], spans: [] },
    ...(rest.kind === "bool" && !rest.value ? {} : { rest: { ...module, mask: rest } }),
    grouped: !some(own, (node) => node.kind === "scalar" || node.kind === "bit" || (node.kind === "var" && HEADS.has(node.name))),
  };
}

const HEADS: ReadonlySet<string> = new Set(["h", "kvh"]);

const choosesBlocks = ({ rows, columns, snap }: Selection): boolean =>
  columns.kind === "keys" && columns.unit > 1 && snap === undefined && !isOfClusters(columns) && !isOfClusters(rows);

/**
 * The most blocks that a query keeps, where the declaration says so in numbers. A bound for how much room is made: lists that
 * the caller gives back may have more.
 */
export function mostChosen({ keep, force }: Selection): number | undefined {
  const literal = (e: { readonly kind: string } | undefined): number | undefined =>
    e === undefined ? 0 : e.kind === "int" ? (e as { readonly kind: string; readonly value: number }).value : undefined;
  const kept = keep.rule.kind === "top" && keep.scope === "row" ? literal(keep.rule.n) : keep.most && literal(keep.most);
  const forced = [force?.first, force?.last, force?.local].map(literal);
  if (kept === undefined || force?.pairs !== undefined || forced.includes(undefined)) return undefined;
  const all = forced.reduce<number>((sum, each) => sum + each!, 0);
  return force?.onTop === true ? kept + all : Math.max(kept, all);
}
