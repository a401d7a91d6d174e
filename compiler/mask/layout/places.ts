import { evaluateInt, idsRow } from "../evaluate.js";
import type { MaskEnv } from "../evaluate.js";
import type { BoolExpr, IntExpr, Layout, MaskModule, Space } from "../ir.js";
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
  const { layout, space } = module;
  if (layout === undefined) return module;
  const stands = queryStandsAt(layout, space);
  return { ...module, mask: stands === undefined ? layout.mask : simplifyBool(m.and(stands, layout.mask)), layout: undefined };
}

/** Whether the token at place `q` is a query of the call; undefined where each is one that has a row. */
export function queryStandsAt({ tokens }: Layout, { kind }: Space): BoolExpr | undefined {
  if (tokens.q === undefined || kind === "cross") return undefined;
  return m.le(m.sub(m.variable("N"), m.variable("NQ")), tokenAt(tokens.q, m.q));
}

/** A mask over positions for a variable, or both, that is a place: of its token, and of queries of the call only. */
export function overTokens({ layout, space }: MaskModule, mask: BoolExpr, places: { readonly q: boolean; readonly k: boolean }): BoolExpr {
  if (layout === undefined) return mask;
  const asked = atTokens(layout, mask, places);
  const stands = places.q ? queryStandsAt(layout, space) : undefined;
  return simplifyBool(stands === undefined ? asked : m.and(stands, asked));
}

/** A mask over positions for a variable, or both, that is a place: of its token. */
export function atTokens(layout: Pick<Layout, "tokens">, mask: BoolExpr, places: { readonly q: boolean; readonly k: boolean }): BoolExpr {
  const tokenOf = (leaf: IntExpr): IntExpr | undefined =>
    leaf.kind === "var" && (leaf.name === "q" || leaf.name === "k") && places[leaf.name] ? layout.tokens[leaf.name] : undefined;
  const int = (e: IntExpr): IntExpr => {
    if (e.kind === "load" && arePlaces(e.input) && tokenOf(e.index) !== undefined) return e.index;
    const token = tokenOf(e);
    return token === undefined ? mapChildren(e, int, bool) : tokenAt(token, e);
  };
  const bool = (e: BoolExpr): BoolExpr => mapChildren(e, int, bool);
  return bool(mask);
}

/** The expressions of a layout's tokens, each once. */
export const layoutTokens = ({ tokens: { q, k } }: Pick<Layout, "tokens">): readonly IntExpr[] =>
  [...new Set([q, k])].filter((token) => token !== undefined);

/** The position of the token at a place: `token` says it of place `k`. */
export function tokenAt(token: IntExpr, place: IntExpr): IntExpr {
  return mapLeaves(token, (leaf) => (leaf.kind === "var" && leaf.name === "k" ? place : leaf));
}

/** The rows `[first, end)` that tiles of queries are cut from: places if queries have another order, positions if not. */
export function queryRows(
  { layout, space }: Pick<MaskModule, "layout" | "space">,
  env: MaskEnv,
): { readonly first: number; readonly end: number } {
  const first = space.kind === "self" ? env.N - env.NQ : 0;
  if (layout?.tokens.q !== undefined && space.kind === "self") return { first: 0, end: env.N };
  return { first, end: first + env.NQ };
}

const tables = new WeakMap<IntExpr, Int32Array>();

/** The position of the token at each place of a call, for a batch entry and head: `[place]`; undefined where places are positions. */
export function positions(module: MaskModule, env: MaskEnv, axis: "q" | "k", b: number, h: number): Int32Array | undefined {
  const token = module.layout?.tokens[axis];
  if (token === undefined) return undefined;
  const all = withOrders(module, env);
  const input = token.kind === "load" ? all.inputs?.[token.input] : undefined;
  if (input?.kind === "ids") {
    const row = idsRow(input, env, b, h);
    return input.data.subarray(row, row + input.length);
  }
  let table = tables.get(token);
  if (table?.length !== env.N) {
    table = Int32Array.from({ length: env.N }, (_, k) => evaluateInt(token, { env: all, scalars: [], b: 0, h: 0, q: 0, k }));
    tables.set(token, table);
  }
  return table;
}
