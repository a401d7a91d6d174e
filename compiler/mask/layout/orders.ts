import { orderTable } from "../../../runtime/launch/curves.js";
import type { OrderSpec } from "../../../runtime/launch/curves.js";
import type { BitsValue, IdsValue, MaskEnv } from "../evaluate.js";
import { clusteredTokens } from "../clusters.js";
import type { MaskModule, Space } from "../ir.js";
import type { Order } from "../selection.js";

const tables = new WeakMap<OrderSpec, IdsValue>();

function valueOf(spec: OrderSpec): IdsValue {
  let value = tables.get(spec);
  if (!value) {
    const data = orderTable(spec);
    tables.set(spec, (value = { kind: "ids", batch: 1, length: data.length, data }));
  }
  return value;
}

/** An order of a module that is made of the tensors of a call, by its name. */
export function madeOrder({ selections = [] }: Pick<MaskModule, "selections">, name: string): Order | undefined {
  return selections.find((item): item is Order => item.kind === "order" && item.name === name);
}

/** Of which tokens an order is. */
export const orderedTokens = (order: Order): "q" | "k" => (order.by === "score" ? "k" : clusteredTokens(order.of));

/** How many places an order has: of the queries of a self space there are as many as of keys. */
export function orderLength(order: Order, { kind }: Pick<Space, "kind">, { N, NQ }: Pick<MaskEnv, "N" | "NQ">): number {
  return kind === "cross" && orderedTokens(order) === "q" ? NQ : N;
}

/** The environment of a call with the tables of the module's order, and orders that are made of its tensors, among its inputs. */
export function withOrders(module: Pick<MaskModule, "orders" | "selections" | "space">, env: MaskEnv): MaskEnv {
  const made = (module.selections ?? []).flatMap((item) => {
    const value = env.inputs?.[item.name];
    if (item.kind !== "order" || value?.kind !== "bits") return [];
    return [[item.name, wordsAsIds(value, orderLength(item, module.space, env))] as const];
  });
  if (module.orders === undefined && made.length === 0) return env;
  const tables = (module.orders ?? []).map((spec) => [spec.name, valueOf(spec)] as const);
  return { ...env, inputs: { ...env.inputs, ...Object.fromEntries([...tables, ...made]) } };
}

const madeIds = new WeakMap<Uint8Array, IdsValue>();

/** The words of an order's matrix, one byte for each bit, as ids: those of the places, without what stands behind them. */
export function wordsAsIds(bits: BitsValue, length: number): IdsValue {
  let value = madeIds.get(bits.data);
  if (!value) madeIds.set(bits.data, (value = { kind: "ids", batch: bits.batch, heads: bits.heads, length, data: wordsOf(bits, length) }));
  return value;
}

/** Of each matrix its first `length` rows. */
export function wordsOf({ batch, heads, rows, data }: BitsValue, length: number): Int32Array {
  return Int32Array.from({ length: batch * heads * length }, (_, i) => {
    const start = (Math.floor(i / length) * rows + (i % length)) * 32;
    let word = 0;
    for (let bit = 0; bit < 32; bit++) word |= data[start + bit]! << bit;
    return word;
  });
}

/** The least and the greatest integer of a table. */
export function orderBounds({ extents, of }: OrderSpec): { readonly low: number; readonly high: number } {
  const behind = extents.reduce((length, extent) => length * extent, 1);
  return { low: 0, high: of === "position" ? behind - 1 : extents[of]! - 1 };
}

/** Bytes of the tables, and of the least and greatest entry of each run of `summary` entries. */
export function orderBytes(module: Pick<MaskModule, "orders">, summary: number): number {
  const words = (spec: OrderSpec): number => {
    const { length } = valueOf(spec);
    return length + 2 * Math.ceil(length / summary);
  };
  return 4 * (module.orders ?? []).reduce((sum, spec) => sum + words(spec), 0);
}
