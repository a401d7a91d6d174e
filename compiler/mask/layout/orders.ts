import { orderTable } from "../../../runtime/launch/curves.js";
import type { OrderSpec } from "../../../runtime/launch/curves.js";
import type { IdsValue, MaskEnv } from "../evaluate.js";
import type { MaskModule } from "../ir.js";

const tables = new WeakMap<OrderSpec, IdsValue>();

function valueOf(spec: OrderSpec): IdsValue {
  let value = tables.get(spec);
  if (!value) {
    const data = orderTable(spec);
    tables.set(spec, (value = { kind: "ids", batch: 1, length: data.length, data }));
  }
  return value;
}

/** The environment of a call with the tables of the module's order among its inputs. */
export function withOrders(module: Pick<MaskModule, "orders">, env: MaskEnv): MaskEnv {
  if (module.orders === undefined) return env;
  return { ...env, inputs: { ...env.inputs, ...Object.fromEntries(module.orders.map((spec) => [spec.name, valueOf(spec)])) } };
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
