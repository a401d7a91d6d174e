import { evaluateInt } from "../evaluate.js";
import type { MaskEnv } from "../evaluate.js";
import type { BoolExpr, IntExpr, Layout, MaskModule } from "../ir.js";
import * as m from "../make.js";
import { simplifyBool } from "../simplify.js";
import { mapChildren, mapLeaves } from "../walk.js";
import { withOrders } from "./orders.js";
import { arePlaces } from "./placed.js";

/**
 * The module as its tiles see it: the mask over places. The last NQ positions are queries, and a place of
 * another token is a row that sees nothing. Without a layout places are positions, and it is the module itself.
 */
export function overPlaces(module: MaskModule): MaskModule {
  const { layout } = module;
  if (layout === undefined) return module;
  return { ...module, mask: simplifyBool(m.and(queryStandsAt(layout), layout.mask)), layout: undefined };
}

/** Whether the token at place `q` is a query of the call. */
export function queryStandsAt(layout: Layout): BoolExpr {
  return m.le(m.sub(m.variable("N"), m.variable("NQ")), tokenAt(layout, m.q));
}

/** A mask over positions for a variable, or both, that is a place: of its token, and of queries of the call only. */
export function overTokens({ layout }: MaskModule, mask: BoolExpr, places: { readonly q: boolean; readonly k: boolean }): BoolExpr {
  if (layout === undefined) return mask;
  const isPlace = (leaf: IntExpr): boolean => leaf.kind === "var" && (leaf.name === "q" || leaf.name === "k") && places[leaf.name];
  const int = (e: IntExpr): IntExpr => {
    if (e.kind === "load" && arePlaces(e.input) && isPlace(e.index)) return e.index;
    return isPlace(e) ? tokenAt(layout, e) : mapChildren(e, int, bool);
  };
  const bool = (e: BoolExpr): BoolExpr => mapChildren(e, int, bool);
  const asked = bool(mask);
  return simplifyBool(places.q ? m.and(queryStandsAt(layout), asked) : asked);
}

/** The position of the token at a place. */
export function tokenAt(layout: Layout, place: IntExpr): IntExpr {
  return mapLeaves(layout.token, (leaf) => (leaf.kind === "var" && leaf.name === "k" ? place : leaf));
}

/** The rows `[first, end)` that tiles of queries are cut from: places if there is a layout, positions if not. */
export function queryRows(module: MaskModule, env: MaskEnv): { readonly first: number; readonly end: number } {
  if (module.layout !== undefined) return { first: 0, end: env.N };
  const first = module.space.kind === "self" ? env.N - env.NQ : 0;
  return { first, end: first + env.NQ };
}

const tables = new WeakMap<IntExpr, Int32Array>();

/** The position of the token at each place of a call: `[place]`; undefined where places are positions. */
export function positions(module: MaskModule, env: MaskEnv): Int32Array | undefined {
  const token = module.layout?.token;
  if (token === undefined) return undefined;
  let table = tables.get(token);
  if (table?.length !== env.N) {
    const all = withOrders(module, env);
    table = Int32Array.from({ length: env.N }, (_, k) => evaluateInt(token, { env: all, scalars: [], b: 0, h: 0, q: 0, k }));
    tables.set(token, table);
  }
  return table;
}
