import type { IntExpr, Layout, MaskModule } from "../ir.js";
import * as m from "../make.js";
import { simplifyBool } from "../simplify.js";
import { atTokens } from "./places.js";

/** The inputs that hold the orders of queries and of keys, or what is made as they are. */
export interface GivenOrders {
  readonly q?: string | undefined;
  readonly k?: string | undefined;
}

/**
 * The module with its queries, its keys or both in orders that are inputs: kernels read positions by place, and what they
 * know of a tile of places is the least and the greatest position in it.
 */
export function byGivenOrders(module: MaskModule, orders: GivenOrders): MaskModule {
  const token = (name: string | undefined): IntExpr | undefined => (name === undefined ? undefined : m.loadByHead(name, m.k));
  const tokens = { q: token(orders.q), k: token(orders.k) };
  const name = `permute(${(["q", "k"] as const).flatMap((axis) => (orders[axis] === undefined ? [] : [`${axis}: ${orders[axis]}`])).join(", ")})`;
  const layout: Layout = { name, tokens, mask: simplifyBool(atTokens({ tokens }, module.mask, { q: true, k: true })) };
  return { ...module, layout };
}
