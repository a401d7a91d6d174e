import { idsRow } from "../evaluate.js";
import type { IdsValue, MaskEnv } from "../evaluate.js";
import type { IntExpr, MaskModule } from "../ir.js";
import * as m from "../make.js";
import { some } from "../walk.js";
import { withOrders } from "./orders.js";
import { positions } from "./places.js";

/** The ids by which a mask over positions asks for places of queries and of keys. No kernel has them: over places nothing asks. */
const PLACES = { q: "0place of q", k: "0place of k" } as const;

/** The place of the query or key at a position, in the layout of the module. */
export const placeOf = (axis: "q" | "k"): IntExpr => m.loadByHead(PLACES[axis], m.variable(axis));

/** Whether ids are those of {@link placeOf}, of a query or of a key where that is said. */
export const arePlaces = (input: string, axis?: "q" | "k"): boolean =>
  axis === undefined ? input === PLACES.q || input === PLACES.k : input === PLACES[axis];

/** The environment of a call with what the expressions of the module's layout and mask read of its order. */
export function withLayout(module: MaskModule, env: MaskEnv): MaskEnv {
  const all = withOrders(module, env);
  if (module.layout === undefined) return all;
  const asked = (["q", "k"] as const).filter((axis) => some(module.mask, (node) => node.kind === "load" && arePlaces(node.input, axis)));
  if (asked.length === 0) return all;
  return { ...all, inputs: { ...all.inputs, ...Object.fromEntries(asked.map((axis) => [PLACES[axis], placesOf(module, all, axis)])) } };
}

const inverses = new WeakMap<Int32Array, IdsValue>();

/** The place of each position. */
function placesOf(module: MaskModule, env: MaskEnv, axis: "q" | "k"): IdsValue {
  const token = module.layout!.tokens[axis]!;
  const input = token.kind === "load" ? env.inputs?.[token.input] : undefined;
  // Of an order of the caller there may be one for each batch entry and kv head.
  const { batch = 1, heads = 1 } = input?.kind === "ids" ? input : {};
  const key = input?.kind === "ids" ? input.data : positions(module, env, axis, 0, 0)!;
  let value = inverses.get(key);
  if (!value) {
    const { length } = positions(module, env, axis, 0, 0)!;
    const data = new Int32Array(batch * heads * length);
    value = { kind: "ids", batch, heads, length, data };
    for (let b = 0; b < batch; b++) {
      for (let i = 0; i < heads; i++) {
        const h = Math.floor((i * env.heads) / heads);
        const row = idsRow(value, env, b, h);
        positions(module, env, axis, b, h)!.forEach((token, place) => (data[row + token] = place));
      }
    }
    inverses.set(key, value);
  }
  return value;
}
